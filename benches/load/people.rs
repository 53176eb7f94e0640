//! The people and groups that are measured with: the same ones for the same number, whatever is asked of them.

use std::io::{self, Write};

use serde_json::{Value, json};

/// The schema of users.
const USER: &str = "urn:ietf:params:scim:schemas:core:2.0:User";
/// Its extension.
pub const ENTERPRISE: &str = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User";
/// The schema of groups.
const GROUP: &str = "urn:ietf:params:scim:schemas:core:2.0:Group";
/// One in so many is not active.
const INACTIVE: u64 = 50;
/// How many departments there are.
const DEPARTMENTS: u64 = 400;

const GIVEN_NAMES: [&str; 8] = [
    "Ada", "Barbara", "Chidi", "Dolores", "Émile", "Fatima", "Grace", "Hedy",
];
const FAMILY_NAMES: [&str; 10] = [
    "Lovelace", "Jensen", "Okafor", "Huerta", "Noether", "Mernissi", "Hopper", "Lamarr", "Turing",
    "Ōe",
];

/// Who a person is known as, and among whom.
#[derive(Debug, Clone, Copy)]
pub enum Origin {
    /// Imported before anything is measured.
    Imported,
    /// Created over SCIM by a run with this number.
    Created(u64),
}

/// The id that a person keeps when imported: in the order of their numbers, as those are that a server gives.
pub fn id(number: u64) -> String {
    format!("01900000-0000-7000-8000-{number:012x}")
}

/// The id of the group with so many members.
pub fn group_id(members: u64) -> String {
    format!("01900000-0001-7000-8000-{members:012x}")
}

/// What the group with so many members is called.
pub fn group_name(members: u64) -> String {
    format!("Everybody up to {members}")
}

/// The sizes of the groups that a directory of so many people has.
pub fn group_sizes(people: u64) -> Vec<u64> {
    let mut sizes: Vec<u64> = [1_000, 10_000, people]
        .into_iter()
        .filter(|size| *size <= people)
        .collect();
    sizes.sort_unstable();
    sizes.dedup();
    sizes
}

impl Origin {
    /// The user name.
    pub fn user_name(self, number: u64) -> String {
        match self {
            Self::Imported => format!("person.{number:07}@example.com"),
            Self::Created(run) => format!("created.{run}.{number:07}@example.com"),
        }
    }

    /// The id that the identity provider knows them by.
    pub fn external_id(self, number: u64) -> String {
        match self {
            Self::Imported => format!("hr-{number:07}"),
            Self::Created(run) => format!("hr-{run}-{number:07}"),
        }
    }

    /// A full enterprise user, of about 1.2 KiB.
    pub fn user(self, number: u64) -> Value {
        let given = pick(&GIVEN_NAMES, number);
        let family = pick(&FAMILY_NAMES, number / 7);
        let user_name = self.user_name(number);
        json!({
            "schemas": [USER, ENTERPRISE],
            "externalId": self.external_id(number),
            "userName": user_name,
            "name": {"formatted": format!("{given} {family}"), "familyName": family, "givenName": given},
            "displayName": format!("{given} {family} {number}"),
            "nickName": given,
            "profileUrl": format!("https://people.example.com/{number}"),
            "title": "Systems Analyst",
            "userType": "Employee",
            "preferredLanguage": "en-GB",
            "locale": "en-GB",
            "timezone": "Europe/London",
            "active": !number.is_multiple_of(INACTIVE),
            "emails": [
                {"value": user_name, "type": "work", "primary": true},
                {"value": format!("home.{user_name}"), "type": "home"},
            ],
            "phoneNumbers": [
                {"value": format!("tel:+44-20-{number:08}"), "type": "work"},
                {"value": format!("tel:+44-77-{number:08}"), "type": "mobile"},
            ],
            "addresses": [{
                "type": "work", "primary": true, "streetAddress": format!("{number} Analytical Street"),
                "locality": "London", "region": "London", "postalCode": "W1 2AB", "country": "GB",
            }],
            ENTERPRISE: {
                "employeeNumber": format!("{number:07}"),
                "costCenter": format!("CC-{}", number % 90),
                "organization": "Difference Engines",
                "division": "Research",
                "department": department(number),
            },
        })
    }
}

/// The department of a person.
pub fn department(number: u64) -> String {
    format!("Department {}", number % DEPARTMENTS)
}

/// A group of these people.
pub fn group(name: &str, members: &[String]) -> Value {
    let members: Vec<Value> = members.iter().map(|id| json!({"value": id})).collect();
    json!({"schemas": [GROUP], "displayName": name, "members": members})
}

/// Writes everybody and their groups for `portcullis import`.
///
/// # Errors
/// Where writing fails.
pub fn write(people: u64, output: &mut impl Write) -> io::Result<()> {
    for number in 0..people {
        let mut user = Origin::Imported.user(number);
        if let Some(user) = user.as_object_mut() {
            user.insert("id".to_owned(), json!(id(number)));
        }
        writeln!(output, "{user}")?;
    }
    for size in group_sizes(people) {
        let (schema, name) = (json!([GROUP]), json!(group_name(size)));
        write!(
            output,
            r#"{{"schemas":{schema},"id":"{}","displayName":{name},"members":["#,
            group_id(size)
        )?;
        for number in 0..size {
            let comma = if number == 0 { "" } else { "," };
            write!(output, r#"{comma}{{"value":"{}"}}"#, id(number))?;
        }
        writeln!(output, "]}}")?;
    }
    output.flush()
}

fn pick(names: &[&'static str], number: u64) -> &'static str {
    let at = usize::try_from(number).unwrap_or_default() % names.len().max(1);
    names.get(at).copied().unwrap_or_default()
}
