//! Schema files: what is loaded is served by discovery as it was, and resources of its types can be made.

use arbitrary::Unstructured;
use portcullis::scim::discovery;
use portcullis::scim::schema::Registry;
use serde_json::Value;

use super::typed;

const FILE: &str = "fuzzed.json";

/// A document is taken, or the place in it is named that is wrong.
pub fn run(data: &[u8]) {
    let Ok(text) = str::from_utf8(data) else {
        return;
    };
    let load = |text: String| Registry::load(&[(FILE.to_owned(), text)]);
    let registry = match load(text.to_owned()) {
        Ok(registry) => registry,
        Err(error) => {
            assert_eq!(error.file, FILE);
            assert!(error.pointer.is_empty() || error.pointer.starts_with('/'));
            let document: Option<Value> = serde_json::from_str(text).ok();
            let parent = error
                .pointer
                .rsplit_once('/')
                .map_or("", |(parent, _)| parent);
            assert!(
                document.is_none_or(|document| document.pointer(parent).is_some()),
                "{} is no place in it",
                error.pointer
            );
            return;
        }
    };
    let document: Value = serde_json::from_str(text).expect("what was taken is JSON");
    let again = load(document.to_string()).expect("it was taken before");
    let shown = |registry: &Registry| {
        [
            discovery::schemas(registry, ""),
            discovery::resource_types(registry, ""),
        ]
    };
    assert_eq!(shown(&again), shown(&registry));
    for schema in registry.schemas() {
        assert!(discovery::schema(&registry, &schema.id.to_uppercase(), "").is_some());
    }
    for kind in registry.resource_types() {
        assert!(registry.endpoint(&kind.endpoint).is_some());
        let mut bytes = Unstructured::new(data);
        if let Ok(input) = typed::resource(&mut bytes, kind) {
            super::patch::check(kind, &Value::Object(input), &[]);
        }
    }
}
