//! Small charts as SVG, each with its numbers as text. Colours are the style sheet's.

use maud::{Markup, html};

/// One bar: its label, its number, and its tone (`ok`, `warn`, `bad`, `off`, or none).
pub(super) struct Bar<'a> {
    pub(super) label: String,
    pub(super) value: i64,
    pub(super) tone: &'a str,
}

const WIDTH: i64 = 600;
const HEIGHT: i64 = 120;
const BELOW: i64 = 18;
const ABOVE: i64 = 16;

/// Bars beside each other. What it shows is also said in words, for those who do not see it.
pub(super) fn bars(title: &str, bars: &[Bar<'_>]) -> Markup {
    let count = i64::try_from(bars.len()).unwrap_or(1).max(1);
    let most = bars.iter().map(|bar| bar.value).max().unwrap_or(0).max(1);
    let step = WIDTH / count;
    let room = HEIGHT - BELOW - ABOVE;
    let alternative: Vec<String> = bars
        .iter()
        .map(|bar| format!("{}: {}", bar.label, bar.value))
        .collect();
    html! {
        figure.chart {
            figcaption { (title) }
            svg viewBox=(format!("0 0 {WIDTH} {HEIGHT}")) role="img"
                aria-label=(format!("{title}. {}", alternative.join(", "))) {
                line.axis x1="0" x2=(WIDTH) y1=(HEIGHT - BELOW) y2=(HEIGHT - BELOW) {}
                @for (index, bar) in (0_i64..).zip(bars) {
                    @let height = if bar.value == 0 { 0 } else { (room * bar.value / most).max(2) };
                    @let middle = index * step + step / 2;
                    rect.bar.(bar.tone) x=(index * step + step / 6) width=(step * 2 / 3)
                        y=(HEIGHT - BELOW - height) height=(height) rx="2" {}
                    @if bar.value > 0 {
                        text x=(middle) y=(HEIGHT - BELOW - height - 4) text-anchor="middle" { (bar.value) }
                    }
                    text x=(middle) y=(HEIGHT - 4) text-anchor="middle" { (bar.label) }
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_chart_says_in_words_what_it_shows() {
        let bar = |label: &str, value| Bar {
            label: label.to_owned(),
            value,
            tone: "ok",
        };
        let chart = bars("Keys", &[bar("active", 3), bar("expired", 0)]).into_string();
        assert!(chart.contains("aria-label=\"Keys. active: 3, expired: 0\""));
        assert_eq!(chart.matches("<rect").count(), 2);
        assert!(
            bars("Nothing", &[])
                .into_string()
                .contains("aria-label=\"Nothing. \"")
        );
    }
}
