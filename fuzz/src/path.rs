//! Paths: of attributes, of PATCH operations, and the lists of `attributes` and `excludedAttributes`.

use portcullis::scim::condition;
use portcullis::scim::patch::PatchPath;
use portcullis::scim::path::AttributePath;
use portcullis::scim::projection::Projection;
use serde_json::{Map, Value};

use super::world::{WORLD, resource_type};

/// What is read as a path is written as it was; a projection takes away and adds nothing, and twice is once.
pub fn run(data: &[u8]) {
    let Ok(text) = str::from_utf8(data) else {
        return;
    };
    if let Ok(path) = AttributePath::parse(text) {
        assert_eq!(path.to_string(), text);
        for kind in ["User", "Group"].map(resource_type) {
            let sorted_by = condition::target(kind, &path);
            assert!(
                sorted_by.is_none() || kind.resolve(&path).is_some(),
                "{text} is compared but is nothing"
            );
        }
    }
    if let Ok(path) = PatchPath::parse(text) {
        let printed = path.to_string();
        match PatchPath::parse(&printed) {
            Ok(again) => assert_eq!(again, path, "{printed}"),
            Err(error) => assert!(error.detail.contains("deep"), "{printed}: {error}"),
        }
    }
    for projection in [
        Projection::parse(Some(text), None),
        Projection::parse(None, Some(text)),
    ]
    .into_iter()
    .flatten()
    {
        for (kind, known) in [("User", &WORLD.users), ("Group", &WORLD.groups)] {
            let kind = resource_type(kind);
            for (id, whole) in known {
                let mut shown = whole.clone();
                projection.apply(kind, &mut shown);
                assert_eq!(shown.get("id"), Some(&Value::from(id.as_str())));
                assert!(is_part(&shown, whole), "{text} shows what is not there");
                let mut again = shown.clone();
                projection.apply(kind, &mut again);
                assert_eq!(again, shown, "{text}");
            }
        }
    }
}

/// Whether everything of `part` is in `whole`, in the same order.
fn is_part(part: &Map<String, Value>, whole: &Map<String, Value>) -> bool {
    part.iter().all(|(name, value)| {
        whole
            .get(name)
            .is_some_and(|whole| is_part_of_value(value, whole))
    })
}

fn is_part_of_value(part: &Value, whole: &Value) -> bool {
    match (part, whole) {
        (Value::Object(part), Value::Object(whole)) => is_part(part, whole),
        (Value::Array(part), Value::Array(whole)) => {
            let mut rest = whole.iter();
            part.iter()
                .all(|element| rest.any(|whole| is_part_of_value(element, whole)))
        }
        _ => part == whole,
    }
}
