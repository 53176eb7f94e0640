//! What a few rows answer is answered from a few, however many others there are. PostgreSQL counts what it reads; its
//! statistics know of the many here, as they do of a company's.

use diesel::connection::SimpleConnection;
use diesel::sql_types::{BigInt, Text};
use diesel::{QueryableByName, RunQueryDsl};
use portcullis::clock::Timestamp;
use portcullis::credentials::sweeps;
use portcullis::secret::SecretKind;
use portcullis::store::credentials::{self, Selection};
use portcullis::store::id::ResourceId;
use portcullis::store::{DatabaseConnection, StoreError, memberships, recipients};
use serde_json::{Value, json};

use crate::people::{GROUP_SCHEMA, PASSWORD, Person};
use crate::server::{DatabaseKind, TestServer};

const DEFAULT_POLICY: &str = "/policies/00000000-0000-7000-8000-000000000001";
const DAY: i64 = 24 * 60 * 60 * 1000;

/// A company: 20,000 people in one group, each in one of a hundred others.
const COMPANY: &str = "INSERT INTO resources
        (id, directory_id, resource_type, user_name, user_name_folded, active, version, created_at, modified_at, document)
    SELECT 'person-' || n, '{directory}', 'User', 'person-' || n, 'person-' || n, TRUE, 1, 1, 1, '{}'
    FROM generate_series(1, 20000) AS n;
INSERT INTO memberships (group_id, member_id, directory_id, member_type)
    SELECT '{everybody}', 'person-' || n, '{directory}', 'User' FROM generate_series(1, 20000) AS n;
INSERT INTO memberships (group_id, member_id, directory_id, member_type)
    SELECT 'group-' || n % 100, 'person-' || n, '{directory}', 'User' FROM generate_series(1, 20000) AS n;
ANALYZE resources; ANALYZE memberships";

/// Tokens of many people, older and newer than any that is made here, and a thousand newer ones of one: the statistics
/// say that each twentieth is theirs.
const TOKENS: &str = "INSERT INTO credentials
        (id, kind, hash, prefix, name, owner_id, scopes, allowed_networks, created_at, expires_at)
    SELECT CASE WHEN n % 2 = 0 THEN '0-' ELSE 'z-' END || lpad(n::text, 6, '0'), 'user_token', sha256(n::text::bytea),
        'prefix', 'Token', CASE WHEN n > 18000 AND n % 2 = 1 THEN '{owner}' ELSE 'person-' || n END,
        '[]', '[]', 1, 4102444800000
    FROM generate_series(1, 20000) AS n;
ANALYZE credentials";

const READ: &str = "SELECT seq_tup_read + COALESCE(idx_tup_fetch, 0) AS count \
    FROM pg_stat_xact_user_tables WHERE relname = $1";

#[derive(QueryableByName)]
struct Count {
    #[diesel(sql_type = BigInt)]
    count: i64,
}

/// How many rows of a table this connection has read: to be subtracted from the number at an earlier place of the same
/// transaction, since what it did before may be counted, too.
///
/// # Errors
/// When the database fails, and where it is SQLite, which does not count.
pub fn rows_read(connection: &mut DatabaseConnection, table: &str) -> Result<i64, StoreError> {
    let DatabaseConnection::Postgres(postgres) = connection else {
        panic!("only PostgreSQL counts what it reads");
    };
    let count: Count = diesel::sql_query(READ)
        .bind::<Text, _>(table)
        .get_result(postgres)?;
    Ok(count.count)
}

/// Does something in a transaction, and says how many rows of a table were read for that.
fn counting<T: Send + 'static>(
    server: &TestServer,
    table: &'static str,
    act: impl Fn(&mut DatabaseConnection) -> Result<T, StoreError> + Send + 'static,
) -> (T, i64) {
    server
        .database
        .write_blocking(move |connection| {
            let before = rows_read(connection, table)?;
            let answer = act(connection)?;
            Ok::<_, StoreError>((answer, rows_read(connection, table)? - before))
        })
        .expect("it can be read")
}

fn run(server: &TestServer, statements: String) {
    server
        .database
        .write_blocking(move |connection| {
            connection
                .batch_execute(&statements)
                .map_err(StoreError::from)
        })
        .expect("rows can be added");
}

fn group(server: &TestServer, name: &str, members: &[&str]) -> String {
    let members: Vec<Value> = members.iter().map(|id| json!({"value": id})).collect();
    let body = json!({"schemas": [GROUP_SCHEMA], "displayName": name, "members": members});
    server.scim().post("/Groups", &body).expect(201).id()
}

/// Puts a company around a group of everybody in it, with these in it by themselves.
fn company(server: &TestServer, members: &[&str]) -> String {
    let everybody = group(server, "Everybody", members);
    run(
        server,
        COMPANY
            .replace("{directory}", &server.directory_id)
            .replace("{everybody}", &everybody),
    );
    everybody
}

fn sweep(
    server: &TestServer,
    sweep: fn(&mut DatabaseConnection, Timestamp) -> Result<usize, StoreError>,
) -> (usize, i64) {
    let now = server.clock.now();
    counting(server, "memberships", move |connection| {
        sweep(connection, now)
    })
}

#[test]
fn for_a_few_idle_tokens_not_everybody_is_read_for_whom_their_policy_holds() {
    let server = TestServer::start(DatabaseKind::Postgres);
    let [ada, grace] = ["ada", "grace"]
        .map(|name| Person::create(&server, &server.directory_id, &server.scim_key, name));
    for person in [&ada, &grace] {
        person
            .set_password(&person.password_link(), PASSWORD)
            .expect(204);
        person.create_token(&person.sign_in(), &json!({"name": "Token"}));
    }
    let everybody = company(&server, &[&ada.id]);
    let days = json!({"inactivity_days": 30, "inactivity_notice_days": 7});
    let mut named = days.clone();
    named["name"] = json!("Named");
    named["members"] = json!([everybody]);
    server.admin().post("/policies", &named).expect(201);
    server.admin().patch(DEFAULT_POLICY, &days).expect(200);

    server.clock.advance_millis(23 * DAY);
    let (told, read) = sweep(&server, sweeps::tell_inactive);
    assert_eq!(told, 2, "one of each policy");
    assert!((1..=20).contains(&read), "{read} memberships to tell two");
    assert_eq!(
        sweep(&server, sweeps::tell_inactive),
        (0, 0),
        "who was told is not looked at again"
    );
    server.clock.advance_millis(7 * DAY);
    let (revoked, read) = sweep(&server, sweeps::revoke_inactive);
    assert_eq!(revoked, 2);
    assert!((1..=20).contains(&read), "{read} memberships to revoke two");
}

#[test]
fn whoever_has_a_role_by_a_small_group_is_found_without_reading_all_groups() {
    let server = TestServer::start(DatabaseKind::Postgres);
    let [ada, grace] = ["ada", "grace"]
        .map(|name| Person::create(&server, &server.directory_id, &server.scim_key, name).id);
    let inner = group(&server, "Inner", &[&grace]);
    let outer = group(&server, "Outer", &[&ada, &inner]);
    company(&server, &[&ada, &grace]);
    let mapping = json!({"group_id": outer, "role": "auditor"});
    server.admin().post("/roles/mappings", &mapping).expect(201);

    let (found, read) = counting(&server, "memberships", |connection| {
        recipients::with_either_role(connection, ["auditor", "auditor"])
    });
    let found: Vec<&str> = found.iter().map(|person| person.id.as_str()).collect();
    assert_eq!(found, [ada.as_str(), grace.as_str()]);
    assert!((1..=10).contains(&read), "{read} memberships of three");

    let within = ResourceId::new(outer);
    let (found, read) = counting(&server, "memberships", move |connection| {
        memberships::members_within(connection, &within, "User")
    });
    assert_eq!(found, [ada, grace].map(ResourceId::new));
    assert!((1..=10).contains(&read), "{read} memberships of three");
}

#[test]
fn where_one_group_holds_everybody_it_is_not_read_again_for_each_of_them() {
    let server = TestServer::start(DatabaseKind::Postgres);
    let everybody = company(&server, &[]);
    run(
        &server,
        "DELETE FROM memberships WHERE group_id LIKE 'group-%'; ANALYZE memberships".to_owned(),
    );
    let within = ResourceId::new(everybody);
    let (found, read) = counting(&server, "memberships", move |connection| {
        memberships::members_within(connection, &within, "User")
    });
    assert_eq!(found.len(), 20_000);
    assert!(
        (20_000..=80_000).contains(&read),
        "{read} memberships of twenty thousand"
    );
}

#[test]
fn the_tokens_of_one_person_are_listed_without_walking_past_those_of_others() {
    let server = TestServer::start(DatabaseKind::Postgres);
    let ada = Person::create(&server, &server.directory_id, &server.scim_key, "ada");
    ada.set_password(&ada.password_link(), PASSWORD).expect(204);
    let session = ada.sign_in();
    for name in ["One", "Two", "Three"] {
        ada.create_token(&session, &json!({"name": name}));
    }
    run(&server, TOKENS.replace("{owner}", &ada.id));

    let selection = Selection {
        kinds: vec![SecretKind::UserToken],
        owner: Some(ResourceId::new(ada.id.as_str())),
        ..Selection::default()
    };
    let (found, read) = counting(&server, "credentials", move |connection| {
        credentials::list(connection, &selection, None, 100)
    });
    let found: Vec<&str> = found
        .iter()
        .map(|token| token.name.as_str())
        .take(3)
        .collect();
    assert_eq!(found, ["One", "Two", "Three"], "the oldest first");
    assert!(
        (1..=1_100).contains(&read),
        "{read} credentials for a page of a hundred"
    );
}
