//! The document as a page for people: HTML without scripts, made of the document alone.

use maud::{DOCTYPE, Markup, html};
use serde_json::Value;

/// The page for a document.
pub(super) fn page(document: &Value) -> String {
    let groups = groups(document);
    html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                title { "Portcullis: what can be called" }
                link rel="stylesheet" href="/docs/style.css";
            }
            body {
                header {
                    h1 { "Portcullis " small { (text(document, "/info/version")) } }
                    (paragraphs(text(document, "/info/description")))
                    p {
                        "For programs, the same is at " a href="/openapi.json" { "/openapi.json" }
                        " (OpenAPI 3.1)."
                    }
                }
                (contents(&groups))
                main {
                    @for group in &groups {
                        section {
                            h2 id=(anchor(group.name)) { (group.name) }
                            @for described in &group.operations {
                                (operation(described))
                            }
                        }
                    }
                    (refusals(document))
                    (schemas(document))
                    (callers(document))
                }
            }
        }
    }
    .into_string()
}

struct Group<'a> {
    name: &'a str,
    operations: Vec<Described<'a>>,
}

struct Described<'a> {
    method: &'a str,
    path: &'a str,
    operation: &'a Value,
}

/// In the order of the document's tags.
fn groups(document: &Value) -> Vec<Group<'_>> {
    let of_tag = |tag| Group {
        name: text(tag, "/name"),
        operations: Vec::new(),
    };
    let mut groups: Vec<Group<'_>> = items(document, "/tags").map(of_tag).collect();
    for (path, item) in members(document, "/paths") {
        for (method, operation) in members(item, "") {
            let name = text(operation, "/tags/0");
            if let Some(group) = groups.iter_mut().find(|group| group.name == name) {
                group.operations.push(Described {
                    method,
                    path,
                    operation,
                });
            }
        }
    }
    groups
}

fn contents(groups: &[Group<'_>]) -> Markup {
    html! {
        nav aria-label="Contents" {
            ul {
                @for group in groups {
                    li { a href=(link(&anchor(group.name))) { (group.name) } }
                }
                li { a href="#refusals" { "Refusals" } }
                li { a href="#schemas" { "Schemas" } }
                li { a href="#callers" { "Who may call" } }
            }
        }
    }
}

fn operation(described: &Described<'_>) -> Markup {
    let operation = described.operation;
    let id = anchor(text(operation, "/operationId"));
    let parameters: Vec<&Value> = items(operation, "/parameters").collect();
    html! {
        article {
            h3 id=(id) {
                a href=(link(&id)) { code { (described.method.to_uppercase()) " " (described.path) } }
                span { (text(operation, "/summary")) }
            }
            (paragraphs(text(operation, "/description")))
            p { "For: " (joined(items(operation, "/security").map(caller), ", or ")) }
            @if !parameters.is_empty() {
                table {
                    thead { tr { th { "Parameter" } th { "In" } th { "Type" } th { "Meaning" } } }
                    tbody {
                        @for parameter in parameters {
                            tr {
                                td { code { (text(parameter, "/name")) } }
                                td { (text(parameter, "/in")) }
                                td { (schema_of(parameter)) }
                                td { (with_code(text(parameter, "/description"))) }
                            }
                        }
                    }
                }
            }
            @for (media_type, content) in members(operation, "/requestBody/content") {
                p {
                    "Body: " (schema_of(content)) " as " code { (media_type) }
                    @if operation.pointer("/requestBody/required") != Some(&Value::Bool(true)) {
                        ", or none"
                    }
                }
            }
            (answers(operation))
        }
    }
}

/// What an operation answers; how it refuses is said once for all of them.
fn answers(operation: &Value) -> Markup {
    let (refusals, answers): (Vec<_>, Vec<_>) =
        members(operation, "/responses").partition(|(_, answer)| answer.get("$ref").is_some());
    let refusals = refusals.into_iter().map(|(status, answer)| {
        let name = text(answer, "/$ref").rsplit('/').next();
        html! { a href=(link(&refusal_anchor(name.unwrap_or_default()))) { (status) } }
    });
    html! {
        table {
            thead { tr { th { "Status" } th { "Answer" } th { "Body" } } }
            tbody {
                @for (status, answer) in answers {
                    tr {
                        td { (status) }
                        td { (with_code(text(answer, "/description"))) }
                        td { (bodies(answer)) }
                    }
                }
            }
        }
        p class="refusals" { "Refused with " (joined(refusals, " ")) }
    }
}

fn bodies(answer: &Value) -> Markup {
    let bodies = members(answer, "/content")
        .map(|(media_type, content)| html! { (schema_of(content)) " as " code { (media_type) } });
    joined(bodies, ", or ")
}

fn refusals(document: &Value) -> Markup {
    html! {
        section {
            h2 id="refusals" { "Refusals" }
            table {
                thead { tr { th { "Name" } th { "Meaning" } th { "Body" } } }
                tbody {
                    @for (name, answer) in members(document, "/components/responses") {
                        tr id=(refusal_anchor(name)) {
                            td { (name) }
                            td { (with_code(text(answer, "/description"))) }
                            td { (bodies(answer)) }
                        }
                    }
                }
            }
        }
    }
}

fn schemas(document: &Value) -> Markup {
    html! {
        section {
            h2 id="schemas" { "Schemas" }
            @for (name, schema) in members(document, "/components/schemas") {
                article {
                    h3 id=(schema_anchor(name)) { (name) }
                    (paragraphs(text(schema, "/description")))
                    // What is put together of several is shown part by part.
                    @for part in items(schema, "/allOf") {
                        (schema_part(part))
                    }
                    @if schema.get("allOf").is_none() {
                        (schema_part(schema))
                    }
                }
            }
        }
    }
}

fn schema_part(schema: &Value) -> Markup {
    let properties: Vec<(&str, &Value)> = members(schema, "/properties").collect();
    if properties.is_empty() {
        return html! { p { (kind(schema)) } };
    }
    let required: Vec<&str> = items(schema, "/required")
        .filter_map(Value::as_str)
        .collect();
    html! {
        table {
            thead { tr { th { "Member" } th { "Type" } th { "Meaning" } } }
            tbody {
                @for (name, property) in properties {
                    tr {
                        td {
                            code { (name) }
                            @if required.contains(&name) { " always" }
                        }
                        td { (kind(property)) }
                        td { (with_code(meaning(property))) }
                    }
                }
            }
        }
    }
}

/// What a property means; where it can be null, that is said of what it is otherwise.
fn meaning(property: &Value) -> &str {
    match text(property, "/description") {
        "" => text(property, "/oneOf/0/description"),
        own => own,
    }
}

fn callers(document: &Value) -> Markup {
    html! {
        section {
            h2 id="callers" { "Who may call" }
            dl {
                @for (name, scheme) in members(document, "/components/securitySchemes") {
                    dt id=(caller_anchor(name)) { (name) }
                    dd {
                        @match text(scheme, "/scheme") {
                            "" => { "By the header " code { (text(scheme, "/name")) } }
                            known => { "By " code { "Authorization: " (known) } }
                        }
                        ". " (with_code(text(scheme, "/description")))
                    }
                }
            }
        }
    }
}

/// Who may call by one requirement; the scope is part of the description.
fn caller(requirement: &Value) -> Markup {
    let schemes: Vec<(&str, &Value)> = members(requirement, "").collect();
    if schemes.is_empty() {
        return html! { "anybody" };
    }
    let shown = schemes
        .into_iter()
        .map(|(name, _)| html! { a href=(link(&caller_anchor(name))) { (name) } });
    joined(shown, " and ")
}

fn schema_of(value: &Value) -> Markup {
    value.get("schema").map(kind).unwrap_or_default()
}

/// What values of a schema are, in few words.
fn kind(schema: &Value) -> Markup {
    if let Some(name) = text(schema, "/$ref").strip_prefix("#/components/schemas/") {
        return html! { a href=(link(&schema_anchor(name))) { (name) } };
    }
    for (member, word) in [("/oneOf", " or "), ("/anyOf", " or "), ("/allOf", " and ")] {
        if items(schema, member).next().is_some() {
            return joined(items(schema, member).map(kind), word);
        }
    }
    if schema.get("enum").is_some() {
        let values = items(schema, "/enum").filter_map(Value::as_str);
        return joined(values.map(|value| html! { code { (value) } }), ", ");
    }
    let names: Vec<&str> = match schema.get("type") {
        Some(Value::String(name)) => vec![name],
        Some(Value::Array(names)) => names.iter().filter_map(Value::as_str).collect(),
        _ => vec!["anything"],
    };
    joined(names.into_iter().map(|name| of_type(schema, name)), " or ")
}

fn of_type(schema: &Value, name: &str) -> Markup {
    let values = schema
        .get("additionalProperties")
        .filter(|more| more.is_object());
    match (name, values, text(schema, "/format")) {
        ("array", ..) => {
            html! { "list of " (schema.get("items").map(kind).unwrap_or_default()) }
        }
        ("object", Some(values), _) => html! { "map to " (kind(values)) },
        ("integer" | "number", ..) => html! { (name) (bounds(schema)) },
        ("string", _, format) if !format.is_empty() => html! { (name) " (" (format) ")" },
        _ => html! { (name) },
    }
}

fn bounds(schema: &Value) -> String {
    match (schema.get("minimum"), schema.get("maximum")) {
        (Some(least), Some(most)) => format!(", {least} to {most}"),
        (Some(least), None) => format!(", {least} or more"),
        _ => String::new(),
    }
}

fn text<'a>(value: &'a Value, place: &str) -> &'a str {
    let text = value.pointer(place).and_then(Value::as_str);
    text.unwrap_or_default()
}

fn items<'a>(value: &'a Value, place: &str) -> impl Iterator<Item = &'a Value> {
    let items = value.pointer(place).and_then(Value::as_array);
    items.into_iter().flatten()
}

fn members<'a>(value: &'a Value, place: &str) -> impl Iterator<Item = (&'a str, &'a Value)> {
    let members = value.pointer(place).and_then(Value::as_object);
    let members = members.into_iter().flatten();
    members.map(|(name, value)| (name.as_str(), value))
}

fn joined(parts: impl Iterator<Item = Markup>, word: &str) -> Markup {
    html! {
        @for (index, part) in parts.enumerate() {
            @if index > 0 { (word) }
            (part)
        }
    }
}

fn anchor(name: &str) -> String {
    let kept = |symbol: char| {
        if symbol.is_ascii_alphanumeric() {
            symbol
        } else {
            '-'
        }
    };
    name.chars().map(kept).collect()
}

fn link(id: &str) -> String {
    format!("#{id}")
}

fn schema_anchor(name: &str) -> String {
    format!("schema-{}", anchor(name))
}

fn refusal_anchor(name: &str) -> String {
    format!("refusal-{}", anchor(name))
}

fn caller_anchor(name: &str) -> String {
    format!("caller-{}", anchor(name))
}

fn paragraphs(text: &str) -> Markup {
    html! {
        @for paragraph in text.split("\n\n").filter(|paragraph| !paragraph.is_empty()) {
            p { (with_code(paragraph)) }
        }
    }
}

/// What stands between backticks is code.
fn with_code(text: &str) -> Markup {
    html! {
        @for (index, part) in text.split('`').enumerate() {
            @if index % 2 == 1 { code { (part) } } @else { (part) }
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_comes_from_a_schema_of_ones_own_is_text() {
        let document = json!({
            "tags": [{"name": "scim/<Devices>"}],
            "paths": {"/scim/v2/<Devices>": {"get": {
                "tags": ["scim/<Devices>"],
                "summary": "<script>",
                "operationId": "get_\"devices",
                "responses": {"200": {"description": "`<b>`"}},
            }}},
            "components": {"schemas": {"Device": {
                "description": "\"<img>\"",
                "properties": {"<i>": {"type": "string", "format": "<u>", "description": "<s>"}},
            }}},
        });
        let page = page(&document);
        for raw in [
            "<script>",
            "<b>",
            "<img>",
            "<i>",
            "<u>",
            "<s>",
            "<Devices>",
            "get_\"",
        ] {
            assert!(!page.contains(raw), "{raw}");
        }
        assert!(page.contains("<code>&lt;b&gt;</code>"));
    }

    #[test]
    fn types_are_said_in_few_words() {
        for (schema, expected) in [
            (json!({"type": "string", "format": "uuid"}), "string (uuid)"),
            (
                json!({"type": ["integer", "null"], "minimum": 1, "maximum": 9}),
                "integer, 1 to 9 or null",
            ),
            (
                json!({"type": "array", "items": {"type": "string"}}),
                "list of string",
            ),
            (
                json!({"type": "object", "additionalProperties": {"type": "integer"}}),
                "map to integer",
            ),
            (
                json!({"enum": ["a", "b"]}),
                "<code>a</code>, <code>b</code>",
            ),
            (
                json!({"oneOf": [{"$ref": "#/components/schemas/Role"}, {"type": "null"}]}),
                "<a href=\"#schema-Role\">Role</a> or null",
            ),
            (json!({}), "anything"),
        ] {
            assert_eq!(kind(&schema).into_string(), expected, "{schema}");
        }
    }
}
