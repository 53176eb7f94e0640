//! What identity providers ask and change, on a directory that was imported: people and their look-ups in the
//! very form that each provider sends them (`docs/idp-dialects.md`), and memberships of groups of every size.

use serde_json::{Map, json};

use crate::LoadError;
use crate::measure::{Bench, Measurement, Plan};
use crate::people::{ENTERPRISE, group_id, group_name, group_sizes, id};
use crate::scim::{People, Scim, finds_one, total_results};

/// Times a whole group is read.
const WHOLE_READS: usize = 3;
/// People who are created, at the most.
const CREATED: u64 = 20_000;

/// Reads and looks up.
///
/// # Errors
/// Where results cannot be written.
pub fn daily(bench: &Bench, scim: &Scim, size: u64) -> Result<(), LoadError> {
    let people = People::Imported(size);
    scim.read(bench, &people)?;
    scim.look_up(bench, "userName eq", &people, "", |origin, number| {
        format!("userName eq \"{}\"", origin.user_name(number))
    })?;
    scim.look_up(
        bench,
        "userName eq, as Okta asks",
        &people,
        "&startIndex=1&count=100",
        |origin, number| format!("userName eq \"{}\"", origin.user_name(number)),
    )?;
    bench.run(
        &scim.endpoint,
        &scim.reads("userName eq, of nobody", 8),
        |_, chance| {
            let nobody = chance.below(u64::MAX);
            scim.filtered(&format!("userName eq \"nobody.{nobody}@example.com\""), "")
        },
        |answer| answer.status == 200 && total_results(answer) == Some(0),
    )?;
    scim.look_up(bench, "externalId eq", &people, "", |origin, number| {
        format!("externalId eq \"{}\"", origin.external_id(number))
    })?;
    scim.look_up(bench, "emails.value eq", &people, "", |origin, number| {
        format!("emails.value eq \"home.{}\"", origin.user_name(number))
    })?;
    scim.look_up(
        bench,
        "emails[type eq and value eq]",
        &people,
        "",
        |origin, number| {
            let address = origin.user_name(number);
            format!("emails[type eq \"work\" and value eq \"{address}\"]")
        },
    )?;
    bench.run(
        &scim.endpoint,
        &scim.reads("id eq and manager eq, as Entra ID asks", 8),
        |_, chance| {
            let (person, manager) = (id(chance.below(size)), id(chance.below(size)));
            let filter = format!("id eq \"{person}\" and {ENTERPRISE}:manager eq \"{manager}\"");
            scim.filtered(&filter, "&attributes=id")
        },
        |answer| answer.status == 200 && total_results(answer) == Some(0),
    )?;
    Ok(())
}

/// Looks groups up, creates people, and has them join and leave groups of every size.
///
/// # Errors
/// Where results cannot be written.
pub fn run(bench: &Bench, scim: &Scim, size: u64, run: u64) -> Result<(), LoadError> {
    let sizes = group_sizes(size);
    let group = |chance: u64| {
        let at = usize::try_from(chance).unwrap_or_default();
        sizes.get(at).copied().unwrap_or(size)
    };
    let count = u64::try_from(sizes.len()).unwrap_or(1);
    bench.run(
        &scim.endpoint,
        &scim.reads("group: displayName eq, as Entra ID asks", 8),
        |_, chance| {
            let name = group_name(group(chance.below(count)));
            let filter = crate::scim::encoded(&format!("displayName eq \"{name}\""));
            scim.get(format!(
                "/Groups?excludedAttributes=members&filter={filter}"
            ))
        },
        finds_one,
    )?;
    bench.run(
        &scim.endpoint,
        &scim.reads("group: id eq and members eq, as Entra ID asks", 8),
        |_, chance| {
            let group = group(chance.below(count));
            let member = id(chance.below(group));
            let filter = format!("id eq \"{}\" and members eq \"{member}\"", group_id(group));
            let filter = crate::scim::encoded(&filter);
            scim.get(format!("/Groups?filter={filter}&attributes=id"))
        },
        finds_one,
    )?;
    let plan = Plan {
        at_most: CREATED,
        warms_up: false,
        ..scim.reads("create", 8)
    };
    let (created, _) = scim.create(bench, &plan, run)?;
    let People::Created { ids, .. } = created else {
        return Ok(());
    };
    let mut newcomers = ids.as_slice();
    for size in sizes {
        let names = match size {
            1_000 => ("add a member to 1,000", "remove a member from 1,000"),
            10_000 => ("add a member to 10,000", "remove a member from 10,000"),
            _ => ("add a member to all", "remove a member from all"),
        };
        let share = newcomers.len() / 2;
        let (now, later) = newcomers.split_at(share);
        newcomers = later;
        scim.change_members(bench, names, &group_id(size), now)?;
        read_whole(bench, scim, size)?;
    }
    Ok(())
}

/// Reads a group with all its members.
fn read_whole(bench: &Bench, scim: &Scim, size: u64) -> Result<(), LoadError> {
    let request = scim.get(format!("/Groups/{}", group_id(size)));
    let mut latencies = Vec::new();
    let mut more = Map::new();
    for _ in 0..WHOLE_READS {
        let answer = scim.once(&request, 200)?;
        latencies.push(answer.whole);
        more.insert("bytes".to_owned(), json!(answer.body.len()));
        let first_byte = answer.first_byte.as_micros();
        more.insert("first_byte_us".to_owned(), json!(first_byte));
    }
    let resident = bench.server.and_then(crate::process::Process::resident_kib);
    more.insert("resident_kib".to_owned(), json!(resident));
    more.insert("members".to_owned(), json!(size));
    bench.write("read a group whole", 1, &Measurement::of(latencies), more)
}
