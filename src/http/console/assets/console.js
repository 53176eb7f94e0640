// What the console can do only with scripts: copy what is shown once, check every box of a list, and bring sections into
// sight where a browser does not do so by itself.
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

// Sections are scrolled through on a narrow screen: the current one and the one with the focus are wholly in sight.
const showSection = (link) => {
  const bar = link.closest(".sections");
  const [within, place] = [bar.getBoundingClientRect(), link.getBoundingClientRect()];
  if (place.left < within.left) bar.scrollLeft += place.left - within.left - 8;
  else if (place.right > within.right) bar.scrollLeft += place.right - within.right + 8;
};
document.addEventListener("DOMContentLoaded", () => {
  const current = document.querySelector(".sections [aria-current]");
  if (current) showSection(current);
});
document.addEventListener("focusin", (event) => {
  if (event.target.matches(".sections a")) showSection(event.target);
});

// Buttons that need this script are of no use without it.
const reveal = () => {
  for (const element of document.querySelectorAll("[data-script]")) element.hidden = false;
};
document.addEventListener("DOMContentLoaded", reveal);
document.addEventListener("htmx:afterSwap", reveal);
