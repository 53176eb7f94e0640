//! Small charts as SVG, each with its numbers as text. Colours are the style sheet's.

use maud::{Markup, html};

/// One bar: its label, its number, its tone (`ok`, `warn`, `bad`, `off`, or none), and where what it counts is listed.
pub(super) struct Bar<'a> {
    pub(super) label: String,
    pub(super) value: i64,
    pub(super) tone: &'a str,
    pub(super) place: Option<String>,
}

const WIDTH: i64 = 600;
const HEIGHT: i64 = 120;
const BELOW: i64 = 18;
const ABOVE: i64 = 16;

fn is_followed(bar: &Bar<'_>) -> bool {
    bar.place.is_some() && bar.value > 0
}

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
            // An image has nothing in it that could be followed.
            svg viewBox=(format!("0 0 {WIDTH} {HEIGHT}")) role=(if bars.iter().any(is_followed) { "group" } else { "img" })
                aria-label=(format!("{title}. {}", alternative.join(", "))) {
                line.axis x1="0" x2=(WIDTH) y1=(HEIGHT - BELOW) y2=(HEIGHT - BELOW) {}
                @for (index, bar) in (0_i64..).zip(bars) {
                    @let height = if bar.value == 0 { 0 } else { (room * bar.value / most).max(2) };
                    @let middle = index * step + step / 2;
                    @let drawn = html! {
                        rect.bar.(bar.tone) x=(index * step + step / 6) width=(step * 2 / 3)
                            y=(HEIGHT - BELOW - height) height=(height) rx="2" {}
                        @if bar.value > 0 {
                            text x=(middle) y=(HEIGHT - BELOW - height - 4) text-anchor="middle" { (bar.value) }
                        }
                    };
                    @match bar.place.as_ref().filter(|_| is_followed(bar)) {
                        Some(place) => { a href=(place) aria-label=(format!("{}: {}", bar.label, bar.value)) { (drawn) } },
                        None => { (drawn) },
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
    fn a_bar_that_counts_something_leads_to_it() {
        let bar = |value| Bar {
            label: "1".to_owned(),
            value,
            tone: "ok",
            place: Some("/console/keys?expires=7".to_owned()),
        };
        let chart = bars("Weeks", &[bar(2), bar(0)]).into_string();
        let link = "<a href=\"/console/keys?expires=7\" aria-label=\"1: 2\">";
        assert_eq!(chart.matches(link).count(), 1, "{chart}");
        assert!(chart.contains("role=\"group\""), "{chart}");
    }

    #[test]
    fn a_chart_says_in_words_what_it_shows() {
        let bar = |label: &str, value| Bar {
            label: label.to_owned(),
            value,
            tone: "ok",
            place: None,
        };
        let chart = bars("Keys", &[bar("active", 3), bar("expired", 0)]).into_string();
        assert!(chart.contains("aria-label=\"Keys. active: 3, expired: 0\""));
        assert_eq!(chart.matches("<rect").count(), 2);
        assert!(chart.contains("role=\"img\"") && !chart.contains("<a "));
        assert!(
            bars("Nothing", &[])
                .into_string()
                .contains("aria-label=\"Nothing. \"")
        );
    }
}
