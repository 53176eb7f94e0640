// What the console can do only with scripts: copy what is shown once, and check every box of a list.
"use strict";

document.addEventListener("click", async (event) => {
  const button = event.target.closest("button[data-copy]");
  if (!button) return;
  const field = document.getElementById(button.dataset.copy);
  try {
    await navigator.clipboard.writeText(field.value);
    button.textContent = "Copied";
  } catch {
    field.focus();
    field.select();
    button.textContent = "Press Ctrl+C";
  }
});

document.addEventListener("change", (event) => {
  if (!event.target.matches("input[data-all]")) return;
  const form = event.target.closest("form");
  for (const box of form.querySelectorAll('input[type="checkbox"][name="id"]')) {
    box.checked = event.target.checked;
  }
});

// Buttons that need this script are of no use without it.
const reveal = () => {
  for (const element of document.querySelectorAll("[data-script]")) element.hidden = false;
};
document.addEventListener("DOMContentLoaded", reveal);
document.addEventListener("htmx:afterSwap", reveal);
