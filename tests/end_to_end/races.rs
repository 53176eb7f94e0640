//! P5: no credential slips in, whichever of two transactions commits first. P13: no update is lost.

use std::collections::BTreeSet;
use std::sync::Barrier;

use portcullis::audit::Actor;
use portcullis::credentials::passwords::{self, create_link, hash};
use portcullis::credentials::sessions::{self, candidate};
use portcullis::credentials::{
    CredentialError, Issued, NewCredential, Refusal, issue, keys, verify,
};
use portcullis::lifecycle::{self, Cause};
use portcullis::policies::{Role, roles};
use portcullis::provisioning::people::set_active;
use portcullis::secret::SecretKind;
use portcullis::store::id::{DirectoryId, ResourceId};
use portcullis::store::{DatabaseConnection, credentials};
use serde_json::json;

use crate::people::{PASSWORD, Person, USER_SCHEMA, group, patch_of};
use crate::server::TestServer;

const TIMES: usize = 1_000;

/// A person whom two transactions are about.
#[derive(Clone)]
struct Subject {
    id: ResourceId,
    user_name: String,
    directory_id: DirectoryId,
    directory_name: String,
}

impl Subject {
    fn create(server: &TestServer, name: &str) -> Self {
        let directory = &server.directory_id;
        let person = Person::create(server, directory, &server.scim_key, name);
        Self {
            id: ResourceId::new(person.id),
            user_name: person.user_name,
            directory_id: DirectoryId::new(person.directory_id),
            directory_name: person.directory_name,
        }
    }

    /// The person, signed in.
    fn actor(&self) -> Actor {
        Actor {
            kind: "session".to_owned(),
            person_id: Some(self.id.clone()),
            ..Actor::system()
        }
    }
}

fn cause(server: &TestServer, actor: Actor) -> Cause {
    let now = server.clock.now();
    Cause {
        actor,
        requested_at: now,
        now,
    }
}

/// What somebody may try to get hold of in the last moment.
#[derive(Debug, Clone, Copy)]
enum Attempt {
    Token,
    Session,
    Link,
    ScimKey,
    ApiKey,
    Rotation,
}

const ATTEMPTS: [Attempt; 6] = [
    Attempt::Token,
    Attempt::Session,
    Attempt::Link,
    Attempt::ScimKey,
    Attempt::ApiKey,
    Attempt::Rotation,
];

impl Attempt {
    /// Whether what is made is the person's own and ends with them, or is left behind.
    fn is_ones_own(self) -> bool {
        matches!(self, Self::Token | Self::Session | Self::Link)
    }

    fn run(
        self,
        connection: &mut DatabaseConnection,
        subject: &Subject,
        now: portcullis::clock::Timestamp,
    ) -> Result<Issued, CredentialError> {
        let actor = subject.actor();
        let mut new = NewCredential::new(SecretKind::UserToken, "Slipped in");
        match self {
            Self::Token => new.owner_id = Some(subject.id.clone()),
            Self::Session => {
                let directory = Some(subject.directory_name.as_str());
                let candidate = candidate(connection, directory, &subject.user_name)?;
                return sessions::open(connection, &candidate, &actor, now);
            }
            Self::Link => return create_link(connection, &subject.id, &[], &actor, now),
            Self::ApiKey => new.kind = SecretKind::AdminKey,
            Self::ScimKey | Self::Rotation => {
                new.kind = SecretKind::ScimKey;
                new.directory_id = Some(subject.directory_id.clone());
            }
        }
        let issued = issue(connection, &new, &actor, now)?;
        if !matches!(self, Self::Rotation) {
            return Ok(issued);
        }
        let id = &issued.credential.id;
        keys::rotate(connection, SecretKind::ScimKey, id, None, None, &actor, now)
    }
}

/// Everything that makes each attempt possible.
fn admit(server: &TestServer, subject: &Subject, password: &passwords::HashedPassword) {
    let (surroundings, subject) = (server.state.surroundings(), subject.clone());
    let cause = cause(server, Actor::system());
    let password = password.clone();
    server
        .database
        .write_blocking(move |connection| {
            set_active(connection, &surroundings, &subject.id, true, &cause)
                .expect("a person can be activated");
            roles::assign(
                connection,
                &subject.id,
                Role::Admin,
                &cause.actor,
                cause.now,
            )
            .expect("a role can be granted");
            let link = create_link(connection, &subject.id, &Role::ALL, &cause.actor, cause.now)?;
            passwords::set_by_link(connection, &link.secret, &password, &cause.actor, cause.now)
        })
        .expect("the person can be admitted");
}

/// Tries again and again, until it is refused or has been done three times.
fn attempt(server: &TestServer, subject: &Subject, attempt: Attempt) -> Vec<Issued> {
    let mut issued = Vec::new();
    for _ in 0..3 {
        let (subject, now) = (subject.clone(), server.clock.now());
        let outcome = server
            .database
            .write_blocking(move |connection| attempt.run(connection, &subject, now));
        match outcome {
            Ok(one) => issued.push(one),
            Err(CredentialError::Store(error)) => panic!("{attempt:?}: {error:?}"),
            Err(_) => break,
        }
    }
    issued
}

fn assert_none_works(server: &TestServer, attempt: Attempt, issued: &[Issued], reason: &str) {
    for one in issued {
        let stored = server
            .database
            .read_now(|connection| credentials::find(connection, &one.credential.id))
            .expect("the database works")
            .expect("credentials are kept");
        if attempt.is_ones_own() {
            // The row itself says so, and not only that its owner is not active.
            assert!(stored.revoked_at.is_some(), "{attempt:?} slipped in");
            let outcome = server
                .database
                .read_now(|connection| verify(connection, &one.secret, None, server.clock.now()));
            assert!(matches!(outcome, Err(Refusal::Revoked)), "{attempt:?}");
        } else {
            assert_eq!(
                stored.orphaned_reason.as_deref(),
                Some(reason),
                "{attempt:?} was made by somebody who has left"
            );
        }
    }
}

on_both_databases!(
    no_credential_slips_in_while_its_owner_is_deactivated,
    |server| {
        let subject = Subject::create(server, "leaver");
        let password = hash(PASSWORD).expect("it is long enough");
        let (mut before, mut refused) = (0, 0);
        for time in 0..TIMES {
            let what = ATTEMPTS[time % ATTEMPTS.len()];
            admit(server, &subject, &password);
            let together = Barrier::new(2);
            let issued = std::thread::scope(|scope| {
                let leaving = scope.spawn(|| {
                    let (surroundings, id) = (server.state.surroundings(), subject.id.clone());
                    let cause = cause(server, Actor::system());
                    together.wait();
                    server
                        .database
                        .write_blocking(move |connection| {
                            set_active(connection, &surroundings, &id, false, &cause)
                        })
                        .expect("anybody can be deactivated");
                });
                together.wait();
                let issued = attempt(server, &subject, what);
                leaving.join().expect("the deactivation succeeds");
                issued
            });
            before += issued.len();
            refused += usize::from(issued.len() < 3);
            assert_none_works(server, what, &issued, "deactivated");
        }
        println!("{before} were made before, {refused} attempts came after");
    }
);

on_both_databases!(no_key_slips_in_while_its_maker_loses_the_role, |server| {
    let subject = Subject::create(server, "demoted");
    let password = hash(PASSWORD).expect("it is long enough");
    for time in 0..200 {
        let what = [Attempt::ScimKey, Attempt::ApiKey][time % 2];
        admit(server, &subject, &password);
        let together = Barrier::new(2);
        let issued = std::thread::scope(|scope| {
            let losing = scope.spawn(|| {
                let id = subject.id.clone();
                let cause = cause(server, Actor::system());
                together.wait();
                server
                    .database
                    .write_blocking(move |connection| {
                        lifecycle::unassign_role(connection, &id, Role::Admin, &cause)
                    })
                    .expect("a role can be taken away");
            });
            together.wait();
            let issued = attempt(server, &subject, what);
            losing.join().expect("taking the role away succeeds");
            issued
        });
        assert_none_works(server, what, &issued, "role_lost");
    }
});

/// Runs the same on many threads, which begin together.
fn at_once<T: Send>(clients: usize, body: impl Fn(usize) -> T + Sync) -> Vec<T> {
    let together = Barrier::new(clients);
    std::thread::scope(|scope| {
        let threads: Vec<_> = (0..clients)
            .map(|client| {
                let (together, body) = (&together, &body);
                scope.spawn(move || {
                    together.wait();
                    body(client)
                })
            })
            .collect();
        threads
            .into_iter()
            .map(|thread| thread.join().expect("a client succeeds"))
            .collect()
    })
}

fn user(server: &TestServer, name: &str) -> String {
    server
        .scim()
        .post(
            "/Users",
            &json!({"schemas": [USER_SCHEMA], "userName": name}),
        )
        .expect(201)
        .id()
}

on_both_databases!(
    sixteen_clients_that_add_members_to_one_group_lose_none,
    |server| {
        let group_id = group(&server.scim(), "Everybody", &[]);
        let path = format!("/Groups/{group_id}");
        let added: BTreeSet<String> = at_once(16, |client| {
            let scim = server.scim();
            (0..8)
                .map(|number| {
                    let id = user(server, &format!("member{client}-{number}"));
                    let value = json!([{"value": id}]);
                    let add = json!([{"op": "add", "path": "members", "value": value}]);
                    let answer = scim.patch(&path, &patch_of(&add));
                    assert!([200, 204].contains(&answer.status), "{}", answer.text);
                    // Changes of the group itself, in between.
                    let rename = json!([{"op": "replace", "value": {"displayName": id}}]);
                    let answer = scim.patch(&path, &patch_of(&rename));
                    assert!([200, 204].contains(&answer.status), "{}", answer.text);
                    id
                })
                .collect::<Vec<_>>()
        })
        .into_iter()
        .flatten()
        .collect();
        let members: BTreeSet<String> = server.scim().get(&path).expect(200).body["members"]
            .as_array()
            .into_iter()
            .flatten()
            .filter_map(|member| member["value"].as_str())
            .map(str::to_owned)
            .collect();
        assert_eq!(members, added);
        assert_eq!(members.len(), 128);
    }
);

on_both_databases!(
    of_those_who_create_the_same_user_name_exactly_one_succeeds,
    |server| {
        for round in 0..20 {
            let statuses = at_once(8, |client| {
                // Names that differ in nothing but their case are the same name.
                let name = format!("TWIN{round}@example.org");
                let name = if client % 2 == 0 {
                    name.to_lowercase()
                } else {
                    name
                };
                let user = json!({"schemas": [USER_SCHEMA], "userName": name});
                let answer = server.scim().post("/Users", &user);
                if answer.status == 409 {
                    answer.expect_error(409, Some("uniqueness")).status
                } else {
                    answer.status
                }
            });
            assert_eq!(statuses.iter().filter(|status| **status == 201).count(), 1);
            assert_eq!(statuses.iter().filter(|status| **status == 409).count(), 7);
            let filter = format!("/Users?filter=userName eq \"twin{round}@example.org\"");
            let found = server.scim().get(&filter).expect(200);
            assert_eq!(found.body["totalResults"], 1);
        }
    }
);

on_both_databases!(
    of_those_who_change_the_same_version_exactly_one_succeeds,
    |server| {
        let path = format!("/Users/{}", user(server, "contested"));
        for round in 0..20 {
            let seen = server.scim().get(&path).expect(200);
            let tag = seen
                .header("ETag")
                .expect("resources have versions")
                .to_owned();
            let outcomes = at_once(8, |client| {
                let title = format!("{round}-{client}");
                let change = json!([{"op": "replace", "path": "title", "value": title}]);
                let tag = [("If-Match", tag.as_str())];
                let answer = server.scim().send("PATCH", &path, &tag, &patch_of(&change));
                (answer.status, title)
            });
            let won: Vec<&String> = outcomes
                .iter()
                .filter(|(status, _)| *status == 200)
                .map(|(_, title)| title)
                .collect();
            assert_eq!(won.len(), 1, "{outcomes:?}");
            assert!(
                outcomes
                    .iter()
                    .all(|(status, _)| [200, 412].contains(status))
            );
            let now = server.scim().get(&path).expect(200);
            assert_eq!(now.body["title"], won[0].as_str());
        }
    }
);

on_both_databases!(
    changes_of_different_parts_of_one_resource_are_all_kept,
    |server| {
        let path = format!("/Users/{}", user(server, "shared"));
        at_once(8, |client| {
            for number in 0..5 {
                let value = json!([{"value": format!("{client}-{number}@example.org")}]);
                let add = json!([{"op": "add", "path": "emails", "value": value}]);
                server.scim().patch(&path, &patch_of(&add)).expect(200);
            }
        });
        let now = server.scim().get(&path).expect(200);
        let emails = now.body["emails"].as_array().map(Vec::len);
        assert_eq!(emails, Some(40));
    }
);

on_both_databases!(
    changes_that_cross_each_other_are_answered_and_leave_no_trace_of_the_deleted,
    |server| {
        let scim = server.scim();
        let users: Vec<String> = (0..12)
            .map(|number| user(server, &format!("crossing{number}")))
            .collect();
        let groups: Vec<String> = (0..3)
            .map(|number| group(&scim, &format!("Crossing {number}"), &[]))
            .collect();
        at_once(12, |client| {
            let scim = server.scim();
            let mine = &users[client];
            for number in 0..6 {
                let path = format!("/Groups/{}", groups[(client + number) % groups.len()]);
                let others = json!([{"value": mine}, {"value": users[(client + 5) % users.len()]}]);
                let operation = if number % 2 == 0 {
                    json!([{"op": "add", "path": "members", "value": others}])
                } else {
                    json!([{"op": "remove", "path": "members", "value": others}])
                };
                let answer = scim.patch(&path, &patch_of(&operation));
                // 400 where another has been deleted meanwhile.
                assert!(
                    [200, 400].contains(&answer.status),
                    "{}: {}",
                    answer.status,
                    answer.text
                );
            }
            if client % 2 == 0 {
                scim.delete(&format!("/Users/{mine}")).expect(204);
            }
        });
        for group in &groups {
            let shown = scim.get(&format!("/Groups/{group}")).expect(200);
            for (number, id) in users.iter().enumerate() {
                assert!(
                    number % 2 == 1 || !shown.text.contains(id.as_str()),
                    "{id} was deleted: {}",
                    shown.text
                );
            }
        }
    }
);
