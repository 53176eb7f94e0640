//! What a notice looks like: as the JSON of a webhook, and as a mail in text and in HTML. Everything that
//! comes from data is escaped.

use std::fmt::Write;

use serde_json::{Value, json};

use crate::clock::Timestamp;
use crate::store::notices::NoticeRow;

use super::NoticeKind;

/// Up to so many notices are told in full in one mail; of more, a line each.
const IN_FULL: usize = 10;
/// The longest subject, in characters.
const LONGEST_SUBJECT: usize = 180;

/// A mail to be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Mail {
    pub(super) subject: String,
    pub(super) text: String,
    pub(super) html: String,
}

/// The body of a webhook.
pub(super) fn json_of(notice: &NoticeRow) -> String {
    json!({
        "type": notice.kind,
        "timestamp": Timestamp::from_millis(notice.at),
        "data": {
            "id": notice.id,
            "subject": notice.subject,
            "directory_id": notice.directory_id,
            "user_id": notice.person_id,
            "detail": detail(notice),
        },
    })
    .to_string()
}

/// One mail about these notices, which are of one kind.
pub(super) fn mail_of(notices: &[NoticeRow], base_url: &str) -> Mail {
    let subject = match notices {
        [notice] => notice.subject.clone(),
        notices => {
            let kind = notices.first().map_or("", |notice| notice.kind.as_str());
            let title = NoticeKind::from_name(kind).map_or(kind, |kind| kind.title());
            format!("{title} ({} notices)", notices.len())
        }
    };
    let mut text = String::new();
    let mut html = String::from(
        "<!DOCTYPE html>\n<html lang=\"en\"><body style=\"font-family:sans-serif\">\n",
    );
    if notices.len() <= IN_FULL {
        for notice in notices {
            in_full(notice, &mut text, &mut html);
        }
    } else {
        in_lines(notices, &mut text, &mut html);
    }
    let foot = format!("Portcullis at {base_url}");
    line(&mut text, &format!("-- \n{foot}"));
    line(
        &mut html,
        &format!(
            "<hr><p><small>{}</small></p>\n</body></html>",
            escaped(&foot)
        ),
    );
    Mail {
        subject: one_line(&subject),
        text,
        html,
    }
}

fn in_full(notice: &NoticeRow, text: &mut String, html: &mut String) {
    line(text, &one_line(&notice.subject));
    line(html, &format!("<h3>{}</h3>", escaped(&notice.subject)));
    let detail = detail(notice);
    let steps: Vec<&str> = detail
        .get("what_to_do")
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
        .filter_map(Value::as_str)
        .collect();
    if !steps.is_empty() {
        line(text, "\nWhat to do:");
        line(html, "<p>What to do:</p>\n<ol>");
        for (number, step) in steps.iter().enumerate() {
            line(text, &format!("  {}. {step}", number + 1));
            line(html, &format!("<li>{}</li>", escaped(step)));
        }
        line(html, "</ol>");
    }
    let at = Timestamp::from_millis(notice.at).to_rfc3339();
    line(text, &format!("\n  at: {at}"));
    line(html, &format!("<table>\n<tr><td>at</td><td>{at}</td></tr>"));
    let members = detail.as_object().into_iter().flatten();
    for (name, value) in members.filter(|(name, value)| *name != "what_to_do" && !value.is_null()) {
        let (name, value) = (name.replace('_', " "), shown(value));
        line(text, &format!("  {name}: {value}"));
        line(
            html,
            &format!(
                "<tr><td>{}</td><td>{}</td></tr>",
                escaped(&name),
                escaped(&value)
            ),
        );
    }
    line(text, "");
    line(html, "</table>");
}

fn in_lines(notices: &[NoticeRow], text: &mut String, html: &mut String) {
    line(html, "<ul>");
    for notice in notices {
        let at = Timestamp::from_millis(notice.at).to_rfc3339();
        line(text, &format!("* {at}  {}", one_line(&notice.subject)));
        line(html, &format!("<li>{at} {}</li>", escaped(&notice.subject)));
    }
    line(text, "");
    line(html, "</ul>");
}

fn line(to: &mut String, text: &str) {
    // Writing to a String cannot fail.
    let _ = writeln!(to, "{text}");
}

fn detail(notice: &NoticeRow) -> Value {
    serde_json::from_str(&notice.detail).unwrap_or_default()
}

fn shown(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        Value::Array(items) => items.iter().map(shown).collect::<Vec<_>>().join("; "),
        Value::Object(members) => members
            .iter()
            .filter(|(_, value)| !value.is_null())
            .map(|(name, value)| format!("{} {}", name.replace('_', " "), shown(value)))
            .collect::<Vec<_>>()
            .join(", "),
        other => other.to_string(),
    }
}

/// A header holds no line breaks, whatever somebody's name holds.
fn one_line(text: &str) -> String {
    let line: String = text
        .chars()
        .map(|character| {
            if character.is_control() {
                ' '
            } else {
                character
            }
        })
        .take(LONGEST_SUBJECT)
        .collect();
    line.trim().to_owned()
}

fn escaped(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => safe.push_str("&amp;"),
            '<' => safe.push_str("&lt;"),
            '>' => safe.push_str("&gt;"),
            '"' => safe.push_str("&quot;"),
            '\'' => safe.push_str("&#39;"),
            other => safe.push(other),
        }
    }
    safe
}

#[cfg(test)]
mod tests {
    use super::*;

    fn notice(number: usize, subject: &str, detail: &Value) -> NoticeRow {
        NoticeRow {
            id: format!("notice-{number:04}"),
            at: 0,
            kind: "keys_orphaned".to_owned(),
            directory_id: Some("d".to_owned()),
            subject: subject.to_owned(),
            detail: detail.to_string(),
            read_at: None,
            delivered_at: None,
            attempts: 0,
            person_id: None,
            distributed_at: None,
        }
    }

    #[test]
    fn a_webhook_is_told_what_the_notice_says() {
        let notice = notice(1, "Keys were left", &json!({"count": 2}));
        let body: Value = serde_json::from_str(&json_of(&notice)).unwrap();
        assert_eq!(
            body,
            json!({
                "type": "keys_orphaned",
                "timestamp": "1970-01-01T00:00:00.000Z",
                "data": {
                    "id": "notice-0001",
                    "subject": "Keys were left",
                    "directory_id": "d",
                    "user_id": null,
                    "detail": {"count": 2},
                },
            })
        );
    }

    #[test]
    fn nothing_of_what_is_told_becomes_markup_or_a_header() {
        let hostile = "<script>alert('&\")</script>\r\nBcc: everybody@example.org";
        let detail = json!({"name": hostile, "what_to_do": [hostile], "keys": [{"name": hostile}]});
        for count in [1, 20] {
            let notices: Vec<_> = (0..count).map(|n| notice(n, hostile, &detail)).collect();
            let mail = mail_of(&notices, "https://scim.example.org/?a=b&c=<d>");
            assert!(!mail.subject.contains(['\r', '\n']), "{}", mail.subject);
            assert!(!mail.html.contains("<script"), "{}", mail.html);
            assert!(!mail.html.contains("<d>"), "{}", mail.html);
            assert!(mail.html.contains("&lt;script&gt;alert(&#39;&amp;&quot;)"));
        }
    }

    #[test]
    fn one_notice_is_told_in_full_and_many_in_a_line_each() {
        let detail = json!({"user_name": "ada", "what_to_do": ["Rotate it.", "Revoke it."]});
        let one = mail_of(&[notice(0, "Keys were left", &detail)], "https://x");
        assert_eq!(one.subject, "Keys were left");
        assert!(one.text.contains("  2. Revoke it.\n"), "{}", one.text);
        assert!(one.text.contains("  user name: ada\n"), "{}", one.text);

        let many: Vec<_> = (0..500)
            .map(|number| {
                notice(
                    number,
                    &format!("Keys of person {number} were left"),
                    &detail,
                )
            })
            .collect();
        let mail = mail_of(&many, "https://x");
        assert_eq!(mail.subject, "Keys were orphaned (500 notices)");
        for number in 0..500 {
            let name = format!("Keys of person {number} were left");
            assert!(mail.text.contains(&name) && mail.html.contains(&name));
        }
    }
}
