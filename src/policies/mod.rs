//! Roles, products and scopes: who may do what. No SQL.
