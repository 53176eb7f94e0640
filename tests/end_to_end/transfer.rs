//! `portcullis import` and `export`: whole directories as lines of JSON.

use std::path::PathBuf;

use serde_json::{Value, json};

use crate::people::patch_of;
use crate::people::{GROUP_SCHEMA, USER_SCHEMA};
use crate::process::Deployment;
use crate::server::databases;

const PEOPLE: usize = 1_200;

fn person(number: usize) -> Value {
    json!({
        "schemas": [USER_SCHEMA],
        "id": format!("source-{number}"),
        "userName": format!("person.{number:04}@example.org"),
        "externalId": format!("e{number}"),
        "displayName": format!("Person {number} Ünïcode"),
        "emails": [{"value": format!("p{number}@example.org"), "type": "work", "primary": true}],
        "active": !number.is_multiple_of(100),
    })
}

fn group(id: &str, name: &str, members: impl Iterator<Item = String>) -> Value {
    let members: Vec<Value> = members.map(|id| json!({"value": id})).collect();
    json!({"schemas": [GROUP_SCHEMA], "id": id, "displayName": name, "members": members})
}

/// Everybody, and groups: one of all, whose line comes before theirs; two of one name; and one in another that
/// comes after it.
fn company() -> Vec<Value> {
    let mut lines = vec![group(
        "all",
        "Everybody",
        (0..PEOPLE).map(|number| format!("source-{number}")),
    )];
    lines.extend((0..PEOPLE).map(person));
    lines.push(group(
        "twin-1",
        "Twins",
        ["source-1".to_owned()].into_iter(),
    ));
    lines.push(group(
        "twin-2",
        "Twins",
        ["source-2".to_owned()].into_iter(),
    ));
    lines.push(group("outer", "Outer", ["inner".to_owned()].into_iter()));
    lines.push(group("inner", "Inner", ["source-3".to_owned()].into_iter()));
    lines
}

fn write(deployment: &Deployment, name: &str, lines: &[Value]) -> PathBuf {
    let path = deployment.directory().join(name);
    let lines: Vec<String> = lines.iter().map(Value::to_string).collect();
    std::fs::write(&path, lines.join("\n")).expect("a file can be made");
    path
}

fn import(deployment: &Deployment, file: &std::path::Path, options: &[&str]) -> Value {
    let file = file.to_str().expect("a path of text");
    let mut all = vec![
        "import",
        file,
        "--directory",
        deployment.first("directory_id"),
    ];
    all.extend_from_slice(options);
    deployment.run(&all)
}

fn export(deployment: &Deployment, name: &str) -> PathBuf {
    let path = deployment.directory().join(name);
    let file = path.to_str().expect("a path of text");
    deployment.run(&[
        "export",
        file,
        "--directory",
        deployment.first("directory_id"),
    ]);
    path
}

/// The lines of an export without what belongs to the server and the moment.
fn essence(path: &std::path::Path) -> Vec<Value> {
    let text = std::fs::read_to_string(path).expect("the file was made");
    let mut lines: Vec<Value> = text
        .lines()
        .map(|line| serde_json::from_str(line).expect("each line is JSON"))
        .collect();
    for line in &mut lines {
        if let Some(line) = line.as_object_mut() {
            line.remove("meta");
        }
    }
    lines.sort_by_key(ToString::to_string);
    lines
}

#[test]
fn what_is_exported_and_imported_elsewhere_is_the_same_directory() {
    for kind in databases() {
        let first = Deployment::create(kind);
        let report = import(&first, &write(&first, "company", &company()), &[]);
        let memberships = PEOPLE + 4;
        assert_eq!(
            report,
            json!({
                "created": {"Group": 5, "User": PEOPLE},
                "existing": {},
                "memberships": memberships,
                "refused": 0,
            })
        );
        let exported = export(&first, "exported");
        let lines = essence(&exported);
        // Resources, the members of four groups on a line each, and those of the large one on two.
        assert_eq!(lines.len(), PEOPLE + 5 + 4 + 2);

        let second = Deployment::create(kind);
        let report = import(&second, &exported, &["--keep-ids"]);
        assert_eq!(report["created"], json!({"Group": 5, "User": PEOPLE}));
        assert_eq!(report["memberships"], memberships);
        assert_eq!(essence(&export(&second, "exported")), lines);

        // Without ids that are kept, lines of the same group are one group all the same.
        let third = Deployment::create(kind);
        let report = import(&third, &exported, &[]);
        assert_eq!(report["created"], json!({"Group": 5, "User": PEOPLE}));
        assert_eq!(essence(&export(&third, "exported")).len(), lines.len());

        let serving = second.serve();
        let client = serving.client("/scim/v2", second.first("scim_key"));
        let inactive = client.get("/Users?filter=active+eq+false&count=0");
        assert_eq!(inactive.expect(200).body["totalResults"], PEOPLE / 100);
        let outer = client.get("/Groups?filter=displayName+eq+%22Outer%22");
        let outer = outer.expect(200);
        assert_eq!(outer.text_at("/Resources/0/members/0/display"), "Inner");
    }
}

#[test]
fn whoever_is_inactive_is_so_in_an_export_also_where_a_client_took_the_attribute_away() {
    for kind in databases() {
        let deployment = Deployment::create(kind);
        let server = deployment.serve();
        let scim = server.client("/scim/v2", deployment.first("scim_key"));
        let id = scim.post("/Users", &person(1)).expect(201).id();
        for operation in [
            json!({"op": "replace", "path": "active", "value": false}),
            json!({"op": "remove", "path": "active"}),
        ] {
            let body = patch_of(&json!([operation]));
            scim.patch(&format!("/Users/{id}"), &body).expect(200);
        }
        let exported = export(&deployment, "exported");
        let lines = essence(&exported);
        let line = lines.iter().find(|line| line["id"] == *id);
        assert_eq!(line.expect("they are exported")["active"], false);

        let second = Deployment::create(kind);
        import(&second, &exported, &["--keep-ids"]);
        let found = second.run(&["user", "show", &id]);
        assert_eq!(found["active"], false);
    }
}

#[test]
fn an_import_that_is_begun_again_goes_on_where_it_broke_off() {
    for kind in databases() {
        let deployment = Deployment::create(kind);
        let company = company();
        let beginning = write(&deployment, "beginning", &company[..700]);
        let file = beginning.to_str().expect("a path of text");
        let directory = deployment.first("directory_id");
        // The group that comes first names people who are not there yet.
        let (status, error) = deployment.try_run(&["import", file, "--directory", directory]);
        assert_eq!(status, Some(1));
        assert!(error.contains("501 of them are neither"), "{error}");

        let file = write(&deployment, "company", &company);
        let report = import(&deployment, &file, &[]);
        assert_eq!(
            report,
            json!({
                "created": {"Group": 4, "User": PEOPLE - 699},
                "existing": {"Group": 1, "User": 699},
                "memberships": PEOPLE + 4,
                "refused": 0,
            })
        );
        let again = import(&deployment, &file, &[]);
        assert_eq!(again["created"], json!({}));
        assert_eq!(again["existing"], json!({"Group": 5, "User": PEOPLE}));
        // Nothing was made twice.
        assert_eq!(essence(&export(&deployment, "exported")).len(), PEOPLE + 11);
    }
}

#[test]
fn lines_that_cannot_be_taken_are_named_and_the_others_are_taken() {
    for kind in databases() {
        let deployment = Deployment::create(kind);
        let mut same = person(2);
        same["externalId"] = "e1".into();
        let lines = [
            person(1),
            json!("no resource"),
            json!({"schemas": [USER_SCHEMA], "id": "nameless"}),
            same,
            person(3),
            group(
                "some",
                "Some",
                ["source-3", "nobody"].map(str::to_owned).into_iter(),
            ),
        ];
        let file = write(&deployment, "lines", &lines);
        let path = file.to_str().expect("a path of text");
        let directory = deployment.first("directory_id");
        let (status, error) = deployment.try_run(&["import", path, "--directory", directory]);
        assert_eq!(status, Some(1));
        let refused: Vec<Value> = error
            .lines()
            .filter_map(|line| serde_json::from_str(line).ok())
            .collect();
        let refused: Vec<(i64, &str)> = refused
            .iter()
            .map(|line| {
                let kind = line["error"]["scimType"].as_str().unwrap_or_default();
                (line["line"].as_i64().unwrap_or_default(), kind)
            })
            .collect();
        assert_eq!(
            refused,
            [
                (2, "invalidSyntax"),
                (3, "invalidValue"),
                (4, "uniqueness"),
                (6, "invalidValue"),
            ],
            "{error}"
        );
        assert!(error.contains("4 lines were refused"), "{error}");
        let exported = essence(&export(&deployment, "exported"));
        assert_eq!(exported.len(), 4, "{exported:?}");

        // Ids that are no UUIDs cannot be kept, and nothing is taken by halves.
        let (status, error) =
            deployment.try_run(&["import", path, "--directory", directory, "--keep-ids"]);
        assert_eq!(status, Some(1));
        assert!(error.contains("only a UUID can be kept"), "{error}");
        assert_eq!(essence(&export(&deployment, "again")), exported);
    }
}

#[test]
fn an_id_that_stands_for_two_resources_is_refused_and_loses_neither_silently() {
    for kind in databases() {
        let deployment = Deployment::create(kind);
        let mut other = person(2);
        other["id"] = "source-1".into();
        let lines = [
            person(1),
            other,
            group("source-1", "One", ["source-1".to_owned()].into_iter()),
            person(1),
        ];
        let file = write(&deployment, "lines", &lines);
        let path = file.to_str().expect("a path of text");
        let directory = deployment.first("directory_id");
        let (status, error) = deployment.try_run(&["import", path, "--directory", directory]);
        assert_eq!(status, Some(1), "{error}");
        let refused: Vec<Value> = error
            .lines()
            .filter_map(|line| serde_json::from_str(line).ok())
            .collect();
        let lines: Vec<&Value> = refused.iter().map(|line| &line["line"]).collect();
        assert_eq!(lines, [2, 3], "{error}");
        assert!(
            refused
                .iter()
                .all(|line| line["error"]["scimType"] == "uniqueness")
        );
        assert_eq!(essence(&export(&deployment, "exported")).len(), 1);
    }
}

#[test]
fn whoever_was_deleted_does_not_come_back_by_an_id_that_is_kept() {
    for kind in databases() {
        let deployment = Deployment::create(kind);
        import(&deployment, &write(&deployment, "one", &[person(1)]), &[]);
        let exported = export(&deployment, "exported");
        let serving = deployment.serve();
        let client = serving.client("/scim/v2", deployment.first("scim_key"));
        let found = client
            .get("/Users?filter=externalId+eq+%22e1%22")
            .expect(200);
        let id = found.text_at("/Resources/0/id");
        client.delete(&format!("/Users/{id}")).expect(204);

        let path = exported.to_str().expect("a path of text");
        let directory = deployment.first("directory_id");
        let arguments = ["import", path, "--directory", directory, "--keep-ids"];
        let (status, error) = deployment.try_run(&arguments);
        assert_eq!(status, Some(1));
        assert!(error.contains("is kept for recovery"), "{error}");

        deployment.run(&["user", "forget", &id]);
        deployment.run(&arguments);
        client.get(&format!("/Users/{id}")).expect(200);
        client.delete(&format!("/Users/{id}")).expect(204);
    }
}

#[test]
fn what_is_imported_is_audited_as_any_other_creation_is() {
    for kind in databases() {
        let deployment = Deployment::create(kind);
        import(&deployment, &write(&deployment, "one", &[person(1)]), &[]);
        let events = deployment.run(&["audit", "list", "--action", "resource.created"]);
        let event = &events["items"][0];
        assert_eq!(event["actor"]["kind"], "command_line", "{events}");
        assert_eq!(event["directory_id"], deployment.first("directory_id"));
        assert_eq!(event["target"]["name"], "Person 1 Ünïcode");
    }
}
