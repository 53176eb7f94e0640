//! The compiler from a condition to SQL. It must agree with [`Condition::matches`]; a property test holds
//! the two against each other on both databases.
//!
//! Values are always bound. In SQL a comparison with `NULL` is neither true nor false; below a `not` it has
//! to be one of them, which `exact` asks for. Elsewhere it may stay, so that indexes can be used.

mod json;
mod operand;

use crate::scim::condition::{Condition, Operand, Target};
use crate::scim::filter::Operator;
use crate::scim::schema::AttributeKind;

use super::SqlDialect;
use super::id::DirectoryId;
use super::layout::{Column, Layout};
use super::memberships::members_of_found;
use super::sql::{Statement, after_prefix};
use json::Json;
pub(super) use operand::Expression;
use operand::{comparison, dense};

/// Compiles conditions on the resources of one type; the statement's alias of `resources` is `r`.
pub struct Compiler<'a> {
    dialect: SqlDialect,
    directory: &'a DirectoryId,
    layout: &'a Layout,
}

/// What the targets of a condition are looked for in.
enum Scope {
    /// The resource.
    Resource,
    /// A single complex attribute that is kept in columns.
    Columns { attribute: String },
    /// An object in a document.
    Json(Json),
    /// An element in a document that is no object, and is its own `value`.
    Simple(Json),
    /// A row of a group's members, `m`, with the member's resource, `x`.
    Member,
    /// A row of a resource's groups, `a`, with the group's resource, `x`.
    Group,
}

impl<'a> Compiler<'a> {
    /// For one layout, within one directory.
    #[must_use]
    pub fn new(dialect: SqlDialect, directory: &'a DirectoryId, layout: &'a Layout) -> Self {
        Self {
            dialect,
            directory,
            layout,
        }
    }

    /// A condition as a boolean expression.
    #[must_use]
    pub fn compile(&self, condition: &Condition) -> Statement {
        self.condition(condition, &Scope::Resource, false)
    }

    fn condition(&self, condition: &Condition, scope: &Scope, exact: bool) -> Statement {
        match condition {
            Condition::Constant(true) => Statement::sql("(1 = 1)"),
            Condition::Constant(false) => Statement::sql("(1 = 0)"),
            Condition::All(parts) => self.all(parts, scope, exact),
            Condition::Any(parts)
                if matches!(scope, Scope::Resource) && self.is_narrow(condition) =>
            {
                self.united(parts)
            }
            Condition::Any(parts) => self.joined(parts, " OR ", scope, exact),
            Condition::Not(inner) => Statement::sql("(NOT ")
                .append(self.condition(inner, scope, true))
                .push(")"),
            Condition::Present(target) => self.present(target, scope),
            Condition::Compare {
                target,
                operator,
                operand,
            } => self.compare(target, *operator, operand, scope, exact),
            Condition::Element { target, condition } => self.element(target, condition, scope),
        }
    }

    fn all(&self, parts: &[Condition], scope: &Scope, exact: bool) -> Statement {
        self.joined(parts, " AND ", scope, exact)
    }

    fn joined(&self, parts: &[Condition], word: &str, scope: &Scope, exact: bool) -> Statement {
        let parts = parts
            .iter()
            .map(|part| self.condition(part, scope, exact))
            .collect();
        Statement::join(parts, word)
    }

    /// Alternatives each of which an index answers: the databases' planners would go through the directory.
    fn united(&self, parts: &[Condition]) -> Statement {
        let selects = parts.iter().map(|part| {
            Statement::sql("SELECT r.id FROM resources r WHERE r.directory_id = ")
                .text(self.directory.as_str())
                .push(" AND r.resource_type = ")
                .text(self.layout.resource_type.as_str())
                .push(" AND ")
                .append(self.condition(part, &Scope::Resource, false))
        });
        Statement::sql("r.id IN ").append(Statement::join(selects.collect(), " UNION "))
    }

    fn present(&self, target: &Target, scope: &Scope) -> Statement {
        if let Scope::Simple(json) = scope {
            return Statement::sql(json.exists());
        }
        if let Some(rows) = self.rows(target, scope) {
            let present = match &target.sub_attribute {
                None => Statement::sql("(1 = 1)"),
                Some(sub) => Statement::sql(self.leaf_exists(target, sub, &rows.scope)),
            };
            return rows.any(present);
        }
        if let Some(column) = self.column(target, scope) {
            return Statement::sql(Self::column_exists(column));
        }
        if matches!(scope, Scope::Resource) && self.is_kept_in_columns(target) {
            return Statement::sql("(1 = 1)");
        }
        match self.json(target, scope) {
            Some(json) => Statement::sql(json.exists()),
            None => Statement::sql(self.leaf_exists(target, &target.attribute, scope)),
        }
    }

    fn compare(
        &self,
        target: &Target,
        operator: Operator,
        operand: &Operand,
        scope: &Scope,
        exact: bool,
    ) -> Statement {
        if let Scope::Simple(json) = scope {
            let element = Expression::json(json, target, self.dialect);
            return dense(comparison(&element, operator, operand));
        }
        if matches!(scope, Scope::Resource)
            && let Some(found) = self.by_index(target, operator, operand)
        {
            return if exact { dense(found) } else { found };
        }
        if let Some(rows) = self.rows(target, scope) {
            let leaf = match &target.sub_attribute {
                None => self.leaf(target, None, &rows.scope),
                Some(sub) => self.leaf(target, Some(sub), &rows.scope),
            };
            let any = rows.any(comparison(&leaf, operator, operand));
            return match operator {
                Operator::NotEqual => Statement::join(vec![rows.none(), any], " OR "),
                _ => any,
            };
        }
        let leaf = match self.column(target, scope) {
            Some(column) => self.column_expression(column, target.case_exact),
            None => match self.json(target, scope) {
                Some(json) => Expression::json(&json, target, self.dialect),
                None => self.leaf(target, Some(&target.attribute), scope),
            },
        };
        let compared = comparison(&leaf, operator, operand);
        if exact { dense(compared) } else { compared }
    }

    fn element(&self, target: &Target, condition: &Condition, scope: &Scope) -> Statement {
        let narrowed = self.element_by_index(target, condition, scope);
        let any = if let Some(rows) = self.rows(target, scope) {
            let inner = match &rows.scope {
                Scope::Json(json) if target.kind != AttributeKind::Complex => {
                    self.condition(condition, &Scope::Simple(json.clone()), false)
                }
                scope => self.condition(condition, scope, false),
            };
            rows.any(inner)
        } else if matches!(scope, Scope::Resource) && self.is_kept_in_columns(target) {
            let scope = Scope::Columns {
                attribute: target.attribute.clone(),
            };
            self.condition(condition, &scope, true)
        } else {
            match self.json(target, scope) {
                Some(json) => Statement::join(
                    vec![
                        Statement::sql(json.exists()),
                        self.condition(condition, &Scope::Json(json), true),
                    ],
                    " AND ",
                ),
                None => Statement::sql("(1 = 0)"),
            }
        };
        match narrowed {
            Some(narrowed) => Statement::join(vec![narrowed, any], " AND "),
            None => any,
        }
    }

    /// Whether some columns together are this complex attribute (`meta`).
    fn is_kept_in_columns(&self, target: &Target) -> bool {
        let prefix = format!("{}.", target.attribute);
        target.extension.is_none()
            && target.sub_attribute.is_none()
            && self
                .layout
                .columns
                .iter()
                .any(|(path, _)| path.starts_with(&prefix))
    }

    /// The column of a target, where it is a single value kept in one.
    fn column(&self, target: &Target, scope: &Scope) -> Option<Column> {
        let path = match scope {
            Scope::Resource => target.path(),
            Scope::Columns { attribute } => format!("{attribute}.{}", target.attribute),
            Scope::Json(_) | Scope::Simple(_) | Scope::Member | Scope::Group => return None,
        };
        self.layout
            .column(&path)
            .filter(|column| !matches!(column, Column::Members | Column::Groups))
    }

    /// The place of a single value in a document.
    fn json(&self, target: &Target, scope: &Scope) -> Option<Json> {
        let holder = match scope {
            Scope::Resource => match &target.extension {
                None => Json::document(self.dialect),
                Some(urn) => Json::document(self.dialect).key(urn),
            },
            Scope::Json(json) => json.clone(),
            Scope::Columns { .. } | Scope::Simple(_) | Scope::Member | Scope::Group => {
                return None;
            }
        };
        let attribute = holder.key(&target.attribute);
        Some(match &target.sub_attribute {
            None => attribute,
            Some(sub) => attribute.key(sub),
        })
    }

    /// Whether a condition on elements asks for one `value`.
    fn names_a_value(condition: &Condition) -> bool {
        match condition {
            Condition::All(parts) => parts.iter().any(Self::names_a_value),
            Condition::Compare {
                target,
                operator: Operator::Equal,
                ..
            } => target.attribute == "value",
            _ => false,
        }
    }

    /// The rows of a multi-valued attribute.
    fn rows(&self, target: &Target, scope: &Scope) -> Option<Rows> {
        if !target.multi_valued {
            return None;
        }
        let column = match scope {
            Scope::Resource if target.extension.is_none() => self.layout.column(&target.attribute),
            _ => None,
        };
        match column {
            Some(Column::Members) => Some(Rows {
                source: MEMBERS.to_owned(),
                scope: Scope::Member,
            }),
            Some(Column::Groups) => Some(Rows {
                source: GROUPS.to_owned(),
                scope: Scope::Group,
            }),
            _ => {
                let whole = Target {
                    sub_attribute: None,
                    ..target.clone()
                };
                let alias = match scope {
                    Scope::Resource => "e",
                    _ => "s",
                };
                let json = self.json(&whole, scope)?;
                Some(Rows {
                    source: format!("SELECT 1 FROM {} WHERE 1 = 1", json.elements(alias)),
                    scope: Scope::Json(Json::element(self.dialect, alias)),
                })
            }
        }
    }

    /// What is compared of one row: a sub-attribute, or the simple element itself.
    fn leaf(&self, target: &Target, name: Option<&str>, scope: &Scope) -> Expression {
        match scope {
            Scope::Json(json) => {
                let json = name.map_or_else(|| json.clone(), |name| json.key(name));
                Expression::json(&json, target, self.dialect)
            }
            Scope::Member | Scope::Group => {
                let folded = |text: String| Expression::text(text, target.case_exact, self.dialect);
                match (scope, name) {
                    // Identifiers are lower case already.
                    (Scope::Member, Some("value")) => {
                        Expression::folded("m.member_id", self.dialect)
                    }
                    (_, Some("value")) => Expression::folded("a.id", self.dialect),
                    (Scope::Member, Some("type")) => folded("m.member_type".to_owned()),
                    (_, Some("type")) => Expression::folded(GROUP_KIND, self.dialect),
                    (Scope::Member, Some("$ref")) => {
                        folded(self.address("m.member_type", "m.member_id"))
                    }
                    (_, Some("$ref")) => folded(self.address("x.resource_type", "a.id")),
                    (Scope::Member, Some("display")) => {
                        folded("COALESCE(m.display, x.display_name, x.user_name)".to_owned())
                    }
                    (_, Some("display")) => folded("x.display_name".to_owned()),
                    _ => Expression::nothing(self.dialect),
                }
            }
            Scope::Resource | Scope::Columns { .. } | Scope::Simple(_) => {
                Expression::nothing(self.dialect)
            }
        }
    }

    fn leaf_exists(&self, target: &Target, name: &str, scope: &Scope) -> String {
        match scope {
            Scope::Json(json) => json.key(name).exists(),
            _ => self.leaf(target, Some(name), scope).exists(),
        }
    }

    /// The address of a resource, from expressions for its type and id.
    fn address(&self, kind: &str, id: &str) -> String {
        let cases: Vec<String> = self
            .layout
            .addresses
            .iter()
            .map(|(name, address)| format!(" WHEN '{}' THEN '{}'", quoted(name), quoted(address)))
            .collect();
        format!("(CASE {kind}{} ELSE '' END || {id})", cases.concat())
    }

    fn column_exists(column: Column) -> &'static str {
        match column {
            Column::UserName => "(r.user_name IS NOT NULL)",
            Column::ExternalId => "(r.external_id IS NOT NULL)",
            Column::DisplayName => "(r.display_name IS NOT NULL)",
            _ => "(1 = 1)",
        }
    }

    /// What a column holds, to be compared or sorted by.
    fn column_expression(&self, column: Column, case_exact: bool) -> Expression {
        let text = |text: &str| Expression::text(text.to_owned(), case_exact, self.dialect);
        match column {
            Column::Id => Expression::folded("r.id", self.dialect),
            Column::UserName if !case_exact => {
                Expression::folded("r.user_name_folded", self.dialect)
            }
            Column::UserName => text("r.user_name"),
            Column::ExternalId => text("r.external_id"),
            Column::DisplayName if !case_exact => {
                Expression::folded("r.display_name_folded", self.dialect)
            }
            Column::DisplayName => text("r.display_name"),
            Column::CreatedAt => Expression::millis("r.created_at", self.dialect),
            Column::ModifiedAt => Expression::millis("r.modified_at", self.dialect),
            Column::EntityTag => text("('W/\"' || r.version || '\"')"),
            Column::ResourceType => text("r.resource_type"),
            Column::Location => Expression::text(
                self.address("r.resource_type", "r.id"),
                case_exact,
                self.dialect,
            ),
            Column::Members | Column::Groups => Expression::nothing(self.dialect),
        }
    }

    /// What a resource is sorted by (RFC 7644 section 3.4.2.3): of several values, the primary or first one.
    pub(super) fn sort_expression(&self, target: &Target) -> Expression {
        if let Some(column) = self.column(target, &Scope::Resource) {
            return self.column_expression(column, target.case_exact);
        }
        let Some(Rows {
            source,
            scope: Scope::Json(element),
        }) = self.rows(target, &Scope::Resource)
        else {
            return match (target.multi_valued, self.json(target, &Scope::Resource)) {
                (false, Some(json)) => Expression::json(&json, target, self.dialect),
                _ => Expression::nothing(self.dialect),
            };
        };
        let leaf = match &target.sub_attribute {
            None => element.clone(),
            Some(sub) => element.key(sub),
        };
        let leaf = Expression::json(&leaf, target, self.dialect);
        let order = match &target.sub_attribute {
            None => " ORDER BY e.key".to_owned(),
            Some(_) => format!(
                " ORDER BY COALESCE({} = 'true', FALSE) DESC, e.key",
                element.key("primary").boolean()
            ),
        };
        let source = source.replacen("SELECT 1", &format!("SELECT {}", leaf.sql()), 1);
        leaf.with_sql(format!("({source}{order} LIMIT 1)"))
    }

    /// Comparisons that an index answers.
    fn by_index(
        &self,
        target: &Target,
        operator: Operator,
        operand: &Operand,
    ) -> Option<Statement> {
        let Operand::Text(value) = operand else {
            return None;
        };
        let path = target.path();
        if self.layout.is_indexed(&path) {
            return self.in_side_table(&path, operator, value);
        }
        let value_of = |column| {
            self.layout.column(&target.attribute) == Some(column)
                && target.sub_attribute.as_deref() == Some("value")
                && target.extension.is_none()
        };
        if operator == Operator::Equal && value_of(Column::Members) {
            return Some(self.confined(
                "r.id IN (SELECT i.group_id FROM memberships i WHERE i.directory_id = ",
                " AND i.member_id = ",
                value,
                ")",
            ));
        }
        if operator == Operator::Equal && value_of(Column::Groups) {
            let further = members_of_found(self.dialect, "w");
            return Some(Statement::sql(WITHIN).text(value).push(format!(
                " UNION SELECT m.member_id, m.member_type FROM {further}) SELECT w.id FROM w)"
            )));
        }
        if operator == Operator::StartsWith
            && target.kind == AttributeKind::String
            && let Some(column @ (Column::UserName | Column::DisplayName)) =
                self.column(target, &Scope::Resource)
        {
            let expression = self.column_expression(column, target.case_exact);
            return Some(starts_with(expression.sql(), value));
        }
        None
    }

    fn in_side_table(&self, path: &str, operator: Operator, value: &str) -> Option<Statement> {
        let matched = match operator {
            Operator::Equal => Statement::sql("i.value = ").text(value),
            Operator::StartsWith if !value.is_empty() => starts_with("i.value", value),
            _ => return None,
        };
        Some(
            Statement::sql(
                "r.id IN (SELECT i.resource_id FROM indexed_values i WHERE i.directory_id = ",
            )
            .text(self.directory.as_str())
            .push(" AND i.resource_type = ")
            .text(self.layout.resource_type.as_str())
            .push(" AND i.attribute = ")
            .text(path)
            .push(" AND ")
            .append(matched)
            .push(")"),
        )
    }

    fn confined(&self, front: &str, middle: &str, value: &str, end: &str) -> Statement {
        Statement::sql(front)
            .text(self.directory.as_str())
            .push(middle)
            .text(value)
            .push(end)
    }

    /// A look-up that all elements which can match are among.
    fn element_by_index(
        &self,
        target: &Target,
        condition: &Condition,
        scope: &Scope,
    ) -> Option<Statement> {
        if !matches!(scope, Scope::Resource) {
            return None;
        }
        match condition {
            Condition::Compare {
                target: inner,
                operator,
                operand,
            } => {
                let target = Target {
                    sub_attribute: Some(inner.attribute.clone()),
                    kind: inner.kind,
                    case_exact: inner.case_exact,
                    ..target.clone()
                };
                self.by_index(&target, *operator, operand)
            }
            Condition::All(parts) => parts
                .iter()
                .find_map(|part| self.element_by_index(target, part, scope)),
            _ => None,
        }
    }

    /// Whether the index of a column that every resource of the type has, each another value, gives the order.
    pub(super) fn is_key(&self, target: &Target) -> bool {
        !target.case_exact && self.column(target, &Scope::Resource) == Some(Column::UserName)
    }

    /// Whether an index narrows the resources to few.
    #[must_use]
    pub fn is_narrow(&self, condition: &Condition) -> bool {
        match condition {
            Condition::Constant(constant) => !constant,
            Condition::All(parts) => parts.iter().any(|part| self.is_narrow(part)),
            Condition::Any(parts) => parts.iter().all(|part| self.is_narrow(part)),
            Condition::Compare {
                target,
                operator: Operator::Equal,
                operand,
            } => {
                // A group may have everybody in it.
                self.by_index(target, Operator::Equal, operand).is_some()
                    && self.layout.column(&target.attribute) != Some(Column::Groups)
                    || matches!(
                        self.column(target, &Scope::Resource),
                        Some(
                            Column::Id
                                | Column::UserName
                                | Column::ExternalId
                                | Column::DisplayName
                        )
                    )
            }
            Condition::Not(_) | Condition::Present(_) | Condition::Compare { .. } => false,
            // The members of a group may be everybody, and so may be those whose value begins so.
            Condition::Element { target, condition } => {
                Self::names_a_value(condition)
                    && self.layout.column(&target.attribute) != Some(Column::Groups)
                    && self
                        .element_by_index(target, condition, &Scope::Resource)
                        .is_some()
            }
        }
    }
}

/// The rows of a multi-valued attribute.
struct Rows {
    /// `SELECT … FROM … WHERE …`, to which conditions are added.
    source: String,
    scope: Scope,
}

impl Rows {
    fn any(&self, condition: Statement) -> Statement {
        Statement::sql(format!("EXISTS ({} AND ", self.source))
            .append(condition)
            .push(")")
    }

    fn none(&self) -> Statement {
        Statement::sql(format!("NOT EXISTS ({})", self.source))
    }
}

const MEMBERS: &str =
    "SELECT 1 FROM memberships m JOIN resources x ON x.id = m.member_id WHERE m.group_id = r.id";

const GROUPS: &str = "WITH RECURSIVE a (id) AS (SELECT i.group_id FROM memberships i WHERE i.member_id = r.id \
UNION SELECT i.group_id FROM memberships i JOIN a ON i.member_id = a.id) \
SELECT 1 FROM a JOIN resources x ON x.id = a.id WHERE 1 = 1";

const GROUP_KIND: &str = "(CASE WHEN EXISTS (SELECT 1 FROM memberships d WHERE d.group_id = a.id AND d.member_id = r.id) \
THEN 'direct' ELSE 'indirect' END)";

const WITHIN: &str = "r.id IN (WITH RECURSIVE w (id, kind) AS (SELECT i.member_id, i.member_type FROM memberships i WHERE i.group_id = ";

/// A range that an index on the text answers.
fn starts_with(text: &str, prefix: &str) -> Statement {
    let from = Statement::sql(format!("({text} >= ")).text(prefix);
    match after_prefix(prefix) {
        Some(end) => from.push(format!(" AND {text} < ")).text(end).push(")"),
        None => from.push(")"),
    }
}

fn quoted(text: &str) -> String {
    text.replace('\'', "''")
}
