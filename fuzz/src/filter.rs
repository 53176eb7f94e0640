//! Filters: printed and read again; bound strictly and leniently; evaluated in memory and by SQLite.

use std::sync::Arc;
use std::time::Duration;

use portcullis::provisioning::{Context, layout};
use portcullis::scim::condition::{self, Condition, Unknown};
use portcullis::scim::filter::{self, Filter, MAX_LENGTH};
use portcullis::scim::leniency::{Dialect, Leniencies};
use portcullis::scim::schema::ResourceType;
use portcullis::store::DatabaseConnection;
use portcullis::store::query::{self, Part, Selection};
use portcullis::store::resources::Resource;

use super::world::{Known, WORLD, resource_type};

/// A text is a filter or is refused; what it means is one thing, however it is printed, bound and evaluated.
pub fn run(data: &[u8]) {
    let Ok(text) = str::from_utf8(data) else {
        return;
    };
    match filter::parse(text) {
        Err(error) => assert!(
            error.position <= text.chars().count(),
            "{error} is behind the end"
        ),
        Ok(filter) => {
            prints(&filter);
            for (kind, known) in [("User", &WORLD.users), ("Group", &WORLD.groups)] {
                means(&filter, resource_type(kind), known);
            }
        }
    }
}

/// What is printed is read as the same filter.
fn prints(filter: &Filter) {
    let printed = filter.to_string();
    match filter::parse(&printed) {
        Ok(again) => assert_eq!(&again, filter, "{printed}"),
        // Escapes and what is understood of `emails[…].value eq …` take more room when they are spelt out.
        Err(error) => assert!(
            printed.len() > MAX_LENGTH || error.expected.contains("deep"),
            "{printed}: {error}"
        ),
    }
}

fn means(filter: &Filter, kind: &ResourceType, known: &[Known]) {
    let strict = bind(filter, kind, Dialect::Strict, Unknown::Refused);
    let lenient = bind(filter, kind, Dialect::Lenient, Unknown::Refused);
    match (&strict, &lenient) {
        (Some((strict, _)), Some((lenient, _))) => {
            assert_eq!(strict, lenient, "strict and lenient differ: {filter}");
        }
        (Some(_), None) => panic!("only the strict take {filter}"),
        (None, Some((_, used))) => assert!(*used, "refused strictly for no reason: {filter}"),
        (None, None) => {}
    }
    if let Some((condition, _)) = lenient {
        selects(filter, &condition, kind, known);
        let negated = Filter::Not(Box::new(filter.clone()));
        let (negated, _) = bind(&negated, kind, Dialect::Lenient, Unknown::Refused)
            .expect("its negation is a filter too");
        for (_, whole) in known {
            assert_ne!(
                condition.matches(whole),
                negated.matches(whole),
                "neither {filter} nor its negation"
            );
        }
    }
    if let Some((condition, _)) = bind(filter, kind, Dialect::Lenient, Unknown::Absent) {
        selects(filter, &condition, kind, known);
    }
}

/// The condition, and whether something had to be forgiven.
fn bind(
    filter: &Filter,
    kind: &ResourceType,
    dialect: Dialect,
    unknown: Unknown,
) -> Option<(Condition, bool)> {
    let mut leniencies = Leniencies::new(dialect);
    let condition = condition::bind(filter, kind, unknown, &mut leniencies).ok()?;
    Some((condition, leniencies.used().next().is_some()))
}

/// The evaluator and the database select the same.
fn selects(filter: &Filter, condition: &Condition, kind: &ResourceType, known: &[Known]) {
    let expected: Vec<&String> = known
        .iter()
        .filter(|(_, whole)| condition.matches(whole))
        .map(|(id, _)| id)
        .collect();
    let found = select(
        &mut WORLD.connection(),
        &WORLD.context,
        kind,
        Some(condition.clone()),
    );
    let found: Vec<&str> = found.iter().map(|resource| resource.id.as_str()).collect();
    assert_eq!(found, expected, "{filter}");
}

/// The resources of which a condition holds, in the order of their identifiers.
pub fn select(
    connection: &mut DatabaseConnection,
    context: &Context,
    kind: &ResourceType,
    condition: Option<Condition>,
) -> Vec<Resource> {
    let selection = Selection {
        directory: context.directory.id.clone(),
        parts: vec![Part {
            layout: Arc::new(layout(context, kind)),
            condition,
        }],
        sort: None,
        time_limit: Duration::from_secs(60),
    };
    query::page_by_index(connection, &selection, 0, 1_000).expect("the database answers")
}
