//! One policy as it is stored: found, guarded, and told of.

use crate::audit::{Action, Event};
use crate::policies::PolicyError;
use crate::store::DatabaseConnection;
use crate::store::id::PolicyId;
use crate::store::policies::{self as table, PolicyRow};

pub(super) fn find_row(
    connection: &mut DatabaseConnection,
    id: &PolicyId,
) -> Result<PolicyRow, PolicyError> {
    table::find(connection, id)?.ok_or(PolicyError::NotFound("policy"))
}

pub(super) fn refuse_default(row: &PolicyRow, what: &str) -> Result<(), PolicyError> {
    if row.is_default {
        return Err(PolicyError::Conflict(format!(
            "the default policy cannot {what}"
        )));
    }
    Ok(())
}

pub(super) fn event(action: Action, row: &PolicyRow) -> Event {
    Event::new(action).to("policy", &row.id, Some(&row.name))
}
