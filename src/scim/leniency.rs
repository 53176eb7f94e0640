//! What real identity providers send beside the letter of the RFCs, and which of it a directory takes.
//!
//! Each deviation that the engine forgives is a [`Leniency`]; each use of one is recorded, so that an
//! admin sees what their identity provider really sends.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

/// One deviation from RFC 7644 that can be forgiven.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Leniency {
    /// `"True"` or `"false"` as a string where the schema asks for a boolean (also in a filter).
    BooleanAsString,
    /// A number as a string where the schema asks for a number.
    NumberAsString,
    /// `Add`, `Replace`, `Remove` in other than lower case.
    OperationCase,
    /// A path-less PATCH value whose keys are dotted or qualified by a schema URN.
    QualifiedKey,
    /// An attribute of an extension without the URN of its schema (Entra ID's `manager`), where that is one alone.
    UnqualifiedAttribute,
    /// `remove` of elements that are named in `value` instead of in a filter.
    RemoveByValue,
    /// A `replace` whose value filter selects nothing creates the element it describes.
    CreateByFilter,
    /// A bare string for a complex attribute means its `value` (Entra ID's manager).
    BareValue,
    /// A single value where the schema asks for an array.
    SingleForMultiple,
    /// A list of one where the schema asks for a single complex value (Entra ID's manager).
    ListForSingle,
    /// An empty string or null value in a `replace` unassigns the attribute.
    EmptyUnassigns,
    /// A read-only attribute in a PATCH is ignored.
    ReadOnlyIgnored,
    /// An attribute that no schema of the resource type defines is ignored.
    UnknownAttribute,
    /// The `schemas` of the request body, or one of its URNs, is missing.
    MissingSchema,
    /// `remove` of something that is not there.
    RemoveAbsent,
    /// More than one element claimed to be primary; the last one keeps the claim.
    SeveralPrimary,
    /// A member that the directory does not know is left out.
    UnknownMember,
    /// A `password` that the directory does not allow is ignored.
    PasswordIgnored,
}

impl Leniency {
    /// The stable name used in logs, counters and the admin interface.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::BooleanAsString => "boolean_as_string",
            Self::NumberAsString => "number_as_string",
            Self::OperationCase => "operation_case",
            Self::QualifiedKey => "qualified_key",
            Self::UnqualifiedAttribute => "unqualified_attribute",
            Self::RemoveByValue => "remove_by_value",
            Self::CreateByFilter => "create_by_filter",
            Self::BareValue => "bare_value",
            Self::SingleForMultiple => "single_for_multiple",
            Self::ListForSingle => "list_for_single",
            Self::EmptyUnassigns => "empty_unassigns",
            Self::ReadOnlyIgnored => "read_only_ignored",
            Self::UnknownAttribute => "unknown_attribute",
            Self::MissingSchema => "missing_schema",
            Self::RemoveAbsent => "remove_absent",
            Self::SeveralPrimary => "several_primary",
            Self::UnknownMember => "unknown_member",
            Self::PasswordIgnored => "password_ignored",
        }
    }
}

/// Which deviations a directory forgives.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Dialect {
    /// Everything that can be understood without guessing (the default).
    #[default]
    Lenient,
    /// The letter of the RFCs.
    Strict,
    /// What Microsoft Entra ID sends, with and without its `aadOptscim062020` flag.
    Entra,
    /// What Okta sends.
    Okta,
}

impl Dialect {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Lenient, Self::Strict, Self::Entra, Self::Okta];

    /// The name under which it is stored and shown.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Lenient => "lenient",
            Self::Strict => "strict",
            Self::Entra => "entra",
            Self::Okta => "okta",
        }
    }

    /// The dialect of this name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|dialect| dialect.name() == name)
    }

    /// Whether this dialect forgives that deviation.
    #[must_use]
    pub fn allows(self, leniency: Leniency) -> bool {
        use Leniency as L;
        match self {
            Self::Lenient => true,
            Self::Strict => false,
            Self::Entra => matches!(
                leniency,
                L::BooleanAsString
                    | L::OperationCase
                    | L::QualifiedKey
                    | L::UnqualifiedAttribute
                    | L::RemoveByValue
                    | L::CreateByFilter
                    | L::BareValue
                    | L::SingleForMultiple
                    | L::ListForSingle
                    | L::EmptyUnassigns
                    | L::ReadOnlyIgnored
                    | L::UnknownAttribute
                    | L::RemoveAbsent
                    | L::PasswordIgnored
            ),
            Self::Okta => matches!(
                leniency,
                L::UnqualifiedAttribute
                    | L::ReadOnlyIgnored
                    | L::UnknownAttribute
                    | L::RemoveAbsent
                    | L::EmptyUnassigns
                    | L::PasswordIgnored
            ),
        }
    }
}

/// The deviations that one request used, and the dialect that decides which may be.
#[derive(Debug, Clone, Default)]
pub struct Leniencies {
    dialect: Dialect,
    used: BTreeSet<Leniency>,
}

impl Leniencies {
    /// Nothing used yet.
    #[must_use]
    pub fn new(dialect: Dialect) -> Self {
        Self {
            dialect,
            used: BTreeSet::new(),
        }
    }

    /// Asks for one: records it and returns true where the dialect allows it.
    #[must_use]
    pub fn take(&mut self, leniency: Leniency) -> bool {
        let allowed = self.dialect.allows(leniency);
        if allowed {
            self.used.insert(leniency);
        }
        allowed
    }

    /// The dialect in force.
    #[must_use]
    pub fn dialect(&self) -> Dialect {
        self.dialect
    }

    /// The ones used, in a stable order.
    pub fn used(&self) -> impl Iterator<Item = Leniency> + '_ {
        self.used.iter().copied()
    }
}
