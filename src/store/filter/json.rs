//! Reaching into stored documents, in the words of either database.

use crate::store::SqlDialect;

/// A place in a JSON value: an expression of the database and the keys below it.
#[derive(Debug, Clone)]
pub struct Json {
    dialect: SqlDialect,
    base: String,
    keys: Vec<String>,
}

impl Json {
    /// The document of the resource in question.
    pub fn document(dialect: SqlDialect) -> Self {
        let base = match dialect {
            SqlDialect::Sqlite => "r.document",
            SqlDialect::Postgres => "r.document::jsonb",
        };
        Self {
            dialect,
            base: base.to_owned(),
            keys: Vec::new(),
        }
    }

    /// An element of an array that `elements` opened under this alias.
    pub fn element(dialect: SqlDialect, alias: &str) -> Self {
        Self {
            dialect,
            base: format!("{alias}.value"),
            keys: Vec::new(),
        }
    }

    /// One key further down.
    pub fn key(&self, key: &str) -> Self {
        let mut below = self.clone();
        below.keys.push(key.to_owned());
        below
    }

    /// The row source of the elements of the array here; none where there is no array.
    pub fn elements(&self, alias: &str) -> String {
        match self.dialect {
            SqlDialect::Sqlite => format!("json_each({}, {}) AS {alias}", self.base, self.path()),
            SqlDialect::Postgres => format!(
                "jsonb_array_elements(CASE jsonb_typeof({0}) WHEN 'array' THEN {0} END) WITH ORDINALITY AS {alias}(value, key)",
                self.node()
            ),
        }
    }

    /// Whether there is a value here.
    pub fn exists(&self) -> String {
        match self.dialect {
            SqlDialect::Sqlite if self.keys.is_empty() => format!("({} IS NOT NULL)", self.base),
            SqlDialect::Sqlite => {
                format!("(json_type({}, {}) IS NOT NULL)", self.base, self.path())
            }
            SqlDialect::Postgres => format!("({} IS NOT NULL)", self.node()),
        }
    }

    /// The value here as text.
    pub fn text(&self) -> String {
        match self.dialect {
            SqlDialect::Sqlite => self.value(),
            SqlDialect::Postgres => format!("({} #>> {})", self.base, self.path()),
        }
    }

    /// The boolean here as `true` or `false`.
    pub fn boolean(&self) -> String {
        match self.dialect {
            SqlDialect::Sqlite => {
                format!(
                    "(CASE {} WHEN 1 THEN 'true' WHEN 0 THEN 'false' END)",
                    self.value()
                )
            }
            SqlDialect::Postgres => self.text(),
        }
    }

    /// The number here; `NULL` for anything else.
    pub fn number(&self) -> String {
        match self.dialect {
            SqlDialect::Sqlite => {
                let value = self.value();
                format!("(CASE WHEN typeof({value}) IN ('integer', 'real') THEN {value} END)")
            }
            SqlDialect::Postgres => format!(
                "(CASE jsonb_typeof({}) WHEN 'number' THEN {}::numeric END)",
                self.node(),
                self.text()
            ),
        }
    }

    fn value(&self) -> String {
        if self.keys.is_empty() {
            self.base.clone()
        } else {
            format!("json_extract({}, {})", self.base, self.path())
        }
    }

    fn node(&self) -> String {
        format!("({} #> {})", self.base, self.path())
    }

    /// The keys as a literal. They come from schema documents, never from a request, and are quoted still.
    fn path(&self) -> String {
        let quoted = |key: &String| key.replace('\'', "''").replace(['"', '\\'], "");
        let keys = self.keys.iter().map(quoted);
        match self.dialect {
            SqlDialect::Sqlite => {
                let keys: Vec<String> = keys.map(|key| format!(".\"{key}\"")).collect();
                format!("'${}'", keys.concat())
            }
            SqlDialect::Postgres => {
                let keys: Vec<String> = keys.map(|key| format!("\"{key}\"")).collect();
                format!("'{{{}}}'", keys.join(","))
            }
        }
    }
}
