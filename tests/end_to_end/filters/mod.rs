//! What the store selects is what the evaluator in memory says, on both databases: random people and groups,
//! random filters and orders over them (RFC 7644 sections 3.4.2.2 to 3.4.2.4, RFC 9865; promise P15).
//!
//! What is generated is in [`people`] and [`expressions`]; the population of a case is the same to the last
//! byte on both databases, identifiers and times included.

mod expressions;
mod people;

use std::sync::Arc;
use std::time::Duration;

use diesel::RunQueryDsl;
use diesel::sql_types::{BigInt, Text};
use portcullis::audit::Actor;
use portcullis::provisioning::{self, Context, Passwords, Payload, ProvisioningError, layout};
use portcullis::scim::condition::{self, Condition, Unknown};
use portcullis::scim::cursor::Position;
use portcullis::scim::filter;
use portcullis::scim::leniency::{Dialect, Leniencies};
use portcullis::scim::path::AttributePath;
use portcullis::scim::projection::Projection;
use portcullis::scim::schema::{Registry, ResourceType};
use portcullis::store::directories::DirectoryKind;
use portcullis::store::id::{DirectoryId, ResourceId};
use portcullis::store::query::{self, Part, Selection, Sort};
use portcullis::store::{DatabaseConnection, StoreError, directories, memberships, resources};
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use serde_json::{Map, Value};

use crate::server::{TestServer, databases};
use people::{EXTENSION, Population};

/// Populations; each is asked with ten filters, or in six orders.
const CASES: u32 = 40;
/// Longer than any list of a case.
const ALL: i64 = 1_000;
/// Each row has times of its own, the same on both databases.
const SET_TIMES: &str = "UPDATE resources SET created_at = 1700000000000 + $1 * 1000, \
    modified_at = 1800000000000 - $1 * 1000 WHERE id = $2";

/// A resource: its identifier and its full representation.
type Known = (String, Map<String, Value>);

/// One database with the population of one case.
struct Side<'a> {
    server: &'a TestServer,
    context: Context,
    users: Vec<Known>,
    groups: Vec<Known>,
}

impl<'a> Side<'a> {
    fn new(server: &'a TestServer, registry: &Arc<Registry>, population: &Population) -> Self {
        let (directory, _) = server.new_directory(Dialect::Lenient);
        let directory = DirectoryId::new(directory);
        let mut surroundings = server.state.surroundings();
        surroundings.registry = Arc::clone(registry);
        surroundings.base_url = "https://scim.example.org/scim/v2".into();
        let directory = server
            .database
            .read_now(|connection| directories::find(connection, &directory))
            .expect("the database works")
            .expect("the directory was made above");
        let context = surroundings.context(directory, Actor::system(), server.clock.now());
        let mut side = Self {
            server,
            context,
            users: Vec::new(),
            groups: Vec::new(),
        };
        side.create(population);
        side.users = side.read_all("User");
        side.groups = side.read_all("Group");
        side
    }

    fn kind(&self, name: &str) -> Arc<ResourceType> {
        let found = self.context.registry.resource_type(name);
        Arc::clone(found.expect("it is built in"))
    }

    /// Every case has the same identifiers, so those of the case before have to go.
    fn create(&self, population: &Population) {
        let (context, population) = (self.context.clone(), population.clone());
        let kinds = ["User", "Group"].map(|name| self.kind(name));
        self.server
            .database
            .write_blocking(move |connection| {
                for directory in directories::list(connection)? {
                    if directory.kind == DirectoryKind::Scim {
                        memberships::delete_of_directory(connection, &directory.id)?;
                        resources::delete_of_directory(connection, &directory.id)?;
                    }
                }
                for (number, (id, body)) in population.bodies().enumerate() {
                    let kind = &kinds[usize::from(body.get("userName").is_none())];
                    provisioning::create(
                        connection,
                        &context,
                        kind,
                        Some(ResourceId::new(id.clone())),
                        Payload {
                            body: &body,
                            passwords: &Passwords::default(),
                        },
                        &mut Leniencies::new(Dialect::Lenient),
                    )?;
                    let number = i64::try_from(number).expect("there are few");
                    set_times(connection, number, &id)?;
                }
                Ok::<_, ProvisioningError>(())
            })
            .expect("the population can be created");
    }

    fn read_all(&self, name: &str) -> Vec<Known> {
        let (context, kind) = (&self.context, self.kind(name));
        let read = |connection: &mut DatabaseConnection| {
            let selection = self.selection(&kind, None, None);
            let found = query::page_by_index(connection, &selection, 0, ALL)?;
            found
                .iter()
                .map(|resource| {
                    let projection = Projection::default();
                    let text = context.representation(connection, &kind, &projection, resource)?;
                    let whole = serde_json::from_str(&text).expect("it is JSON");
                    Ok((resource.id.to_string(), whole))
                })
                .collect::<Result<_, StoreError>>()
        };
        self.server.database.read_now(read).expect("it can be read")
    }

    fn selection(
        &self,
        kind: &ResourceType,
        condition: Option<Condition>,
        sort: Option<Sort>,
    ) -> Selection {
        Selection {
            directory: self.context.directory.id.clone(),
            parts: vec![Part {
                layout: Arc::new(layout(&self.context, kind)),
                condition,
            }],
            sort,
            time_limit: Duration::from_secs(60),
        }
    }

    fn known(&self, name: &str) -> &[Known] {
        if name == "User" {
            &self.users
        } else {
            &self.groups
        }
    }

    /// What a filter selects: by the store, and by the evaluator.
    fn select(&self, name: &str, text: &str) -> (Vec<String>, Vec<String>) {
        let kind = self.kind(name);
        let filter = filter::parse(text).unwrap_or_else(|error| panic!("{text}: {error}"));
        let mut leniencies = Leniencies::new(Dialect::Lenient);
        let condition = condition::bind(&filter, &kind, Unknown::Refused, &mut leniencies)
            .unwrap_or_else(|error| panic!("{text}: {error}"));
        let expected = self
            .known(name)
            .iter()
            .filter(|(_, whole)| condition.matches(whole))
            .map(|(id, _)| id.clone())
            .collect();
        let selection = self.selection(&kind, Some(condition), None);
        let (found, count) = self
            .server
            .database
            .read_now(|connection| {
                let found = query::page_by_index(connection, &selection, 0, ALL)?;
                Ok::<_, StoreError>((found, query::count(connection, &selection)?))
            })
            .unwrap_or_else(|error| panic!("{text}: {error:?}"));
        assert_eq!(i64::try_from(found.len()), Ok(count), "{text}: the count");
        let found = found.iter().map(|resource| resource.id.to_string());
        (found.collect(), expected)
    }

    fn sort(&self, by: &str, descending: bool) -> Sort {
        let path = AttributePath::parse(by).expect("a path");
        let target = condition::target(&self.kind("User"), &path);
        Sort {
            target: target.expect("it can be sorted by"),
            descending,
        }
    }

    /// The users in order: in one piece, by pages, and by cursors.
    fn sorted(&self, by: &str, descending: bool, page: i64) -> [Vec<String>; 3] {
        let kind = self.kind("User");
        let selection = self.selection(&kind, None, Some(self.sort(by, descending)));
        let read = |connection: &mut DatabaseConnection| {
            let ids = |found: &[resources::Resource]| -> Vec<String> {
                found
                    .iter()
                    .map(|resource| resource.id.to_string())
                    .collect()
            };
            let whole = ids(&query::page_by_index(connection, &selection, 0, ALL)?);
            let mut by_index = Vec::new();
            loop {
                let offset = i64::try_from(by_index.len()).expect("there are few");
                let found = query::page_by_index(connection, &selection, offset, page)?;
                if found.is_empty() {
                    break;
                }
                by_index.extend(ids(&found));
            }
            let mut by_cursor = Vec::new();
            let mut position: Option<Position> = None;
            loop {
                let found = query::page_after(connection, &selection, position.as_ref(), page)?;
                let Some((last, key)) = found.last() else {
                    break;
                };
                position = Some(Position {
                    sort_key: Some(key.clone()),
                    id: last.id.to_string(),
                });
                by_cursor.extend(found.iter().map(|(resource, _)| resource.id.to_string()));
                assert!(
                    by_cursor.len() <= self.users.len(),
                    "{by}: the cursor repeats"
                );
            }
            Ok::<_, StoreError>([whole, by_index, by_cursor])
        };
        self.server
            .database
            .read_now(read)
            .expect("it can be sorted")
    }
}

fn set_times(connection: &mut DatabaseConnection, number: i64, id: &str) -> Result<(), StoreError> {
    let statement = diesel::sql_query(SET_TIMES)
        .bind::<BigInt, _>(number)
        .bind::<Text, _>(id.to_owned());
    match connection {
        DatabaseConnection::Sqlite(connection) => statement.execute(connection)?,
        DatabaseConnection::Postgres(connection) => statement.execute(connection)?,
    };
    Ok(())
}

fn registry() -> Arc<Registry> {
    let documents = [("extension.json".to_owned(), people::extension().to_string())];
    Arc::new(Registry::load(&documents).expect("the extension can be taken"))
}

fn runner() -> TestRunner {
    TestRunner::new(Config {
        cases: CASES,
        failure_persistence: None,
        max_shrink_iters: 200,
        ..Config::default()
    })
}

#[test]
fn a_filter_selects_what_the_evaluator_says_on_both_databases() {
    let servers = databases().map(TestServer::start);
    let registry = registry();
    let filters = proptest::collection::vec(expressions::filter(), 8);
    let group_filters = proptest::collection::vec(expressions::group_filter(), 2);
    runner()
        .run(
            &(people::population(), filters, group_filters),
            |(population, filters, group_filters)| {
                let [sqlite, postgres] = &servers;
                let sqlite = Side::new(sqlite, &registry, &population);
                let postgres = Side::new(postgres, &registry, &population);
                prop_assert_eq!(&sqlite.users, &postgres.users);
                prop_assert_eq!(&sqlite.groups, &postgres.groups);
                let users = filters.iter().map(|filter| ("User", filter));
                let groups = group_filters.iter().map(|filter| ("Group", filter));
                for (kind, filter) in users.chain(groups) {
                    let (found, expected) = sqlite.select(kind, filter);
                    prop_assert_eq!(&found, &expected, "SQLite: {}", filter);
                    let (found, expected) = postgres.select(kind, filter);
                    prop_assert_eq!(&found, &expected, "PostgreSQL: {}", filter);
                }
                Ok(())
            },
        )
        .unwrap_or_else(|error| panic!("{error}"));
}

#[test]
fn sorted_pages_and_cursors_cover_each_resource_once_in_the_same_order_on_both_databases() {
    let servers = databases().map(TestServer::start);
    let registry = registry();
    let orders = proptest::collection::vec((expressions::sort_by(), any::<bool>(), 1..5_i64), 6);
    runner()
        .run(&(people::population(), orders), |(population, orders)| {
            let sides = servers
                .each_ref()
                .map(|server| Side::new(server, &registry, &population));
            let mut ids: Vec<&String> = sides[0].users.iter().map(|(id, _)| id).collect();
            ids.sort();
            for (by, descending, page) in &orders {
                let [sqlite, postgres] = sides
                    .each_ref()
                    .map(|side| side.sorted(by, *descending, *page));
                let mut covered: Vec<&String> = sqlite[0].iter().collect();
                covered.sort();
                prop_assert_eq!(&covered, &ids, "{}", by);
                for order in sqlite.iter().chain(&postgres) {
                    prop_assert_eq!(order, &sqlite[0], "{} {} {}", by, descending, page);
                }
                if let Some(expected) = model(&sides[0].users, by, *descending) {
                    prop_assert_eq!(&sqlite[0], &expected, "{} {}", by, descending);
                }
            }
            Ok(())
        })
        .unwrap_or_else(|error| panic!("{error}"));
}

/// The order of single texts: by their folded letters, then by identifier; what is absent is last, and first
/// in descending order. `None` for what else can be sorted by.
fn model(users: &[Known], by: &str, descending: bool) -> Option<Vec<String>> {
    let key = |whole: &Map<String, Value>| -> Option<String> {
        let value = match (by.rsplit_once(':'), by.split_once('.')) {
            (Some((_, attribute)), _) => whole.get(EXTENSION)?.get(attribute),
            (None, Some((attribute, sub_attribute))) => whole.get(attribute)?.get(sub_attribute),
            (None, None) => whole.get(by),
        };
        value?.as_str().map(str::to_owned)
    };
    let folds = match by {
        "userName" | "title" | "name.familyName" => true,
        "externalId" => false,
        _ if by.ends_with(":badge") => false,
        _ => return None,
    };
    let mut keyed: Vec<(Option<String>, &String)> = users
        .iter()
        .map(|(id, whole)| {
            let key = key(whole);
            (
                if folds {
                    key.map(|key| key.to_lowercase())
                } else {
                    key
                },
                id,
            )
        })
        .collect();
    keyed.sort_by(|(key, id), (other_key, other_id)| {
        let absent = key.is_none().cmp(&other_key.is_none());
        let order = absent.then_with(|| key.cmp(other_key));
        let order = if descending { order.reverse() } else { order };
        order.then_with(|| id.cmp(other_id))
    });
    Some(keyed.into_iter().map(|(_, id)| id.clone()).collect())
}
