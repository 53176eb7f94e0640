//! What is done with one service account: adopted, disabled and enabled, deleted, each after a question that says what
//! ends.

use actix_web::{HttpResponse, web};
use maud::html;

use crate::audit::Actor;
use crate::clock::Timestamp;
use crate::credentials::{CredentialError, service_accounts as rules};
use crate::store::DatabaseConnection;
use crate::store::credentials::Counts;
use crate::store::id::ServiceAccountId;
use crate::store::service_accounts::ServiceAccount;

use super::super::State;
use super::super::admin::endings;
use super::super::admin::service_accounts::adopt_by;
use super::answer::{Failure, see_other};
use super::frame::{Section, page};
use super::page::{Access, Page};
use super::parts::{Question, confirm};
use super::posted::{Confirmed, Posted};
use super::products::{ending_of, listed};
use super::service_accounts::{READ, WRITE, address, found, show};
use super::sign_in::Nothing;
use super::typed_name::{Typed, typed};
use super::visitor::Visitor;

pub(super) fn pages() -> Vec<Page> {
    let (read, write) = (Access::With(READ), Access::With(WRITE));
    vec![
        Page::at("/service-accounts/{id}/adopt")
            .get(write, ask_adopt)
            .post(write, adopt),
        Page::at("/service-accounts/{id}/disable")
            .get(write, ask_disable)
            .post(write, disable),
        Page::at("/service-accounts/{id}/enable")
            .on(read, show)
            .post(write, enable),
        Page::at("/service-accounts/{id}/delete")
            .get(write, ask_delete)
            .post(write, delete),
    ]
}

async fn ask_adopt(
    visitor: Visitor,
    state: web::Data<State>,
    id: web::Path<String>,
) -> Result<HttpResponse, Failure> {
    let (account, counts) = with_counts(&state, &visitor, id).await?;
    let question = Question {
        title: &format!("Adopt {}", account.name),
        back: (&address(&account.id), &account.name),
        consequences: html! {
            p {
                "1 service account becomes yours, and goes on working"
                @if !counts.is_empty() { " with " strong { (listed(&counts)) } }
                ": should you leave, it is flagged again."
            }
        },
        fields: html! {},
        button: "Adopt",
        is_dangerous: false,
    };
    let content = confirm(&visitor, visitor.asked(&state)?, &question);
    Ok(page(&visitor, Section::ServiceAccounts, "Adopt", &content))
}

async fn adopt(
    sent: Confirmed<Nothing>,
    state: web::Data<State>,
    id: web::Path<String>,
) -> Result<HttpResponse, Failure> {
    let id = ServiceAccountId::new(id.into_inner());
    adopt_by(sent.visitor.admin(WRITE), &state, id.clone(), None).await?;
    Ok(see_other(&format!("{}?done=account-adopted", address(&id))))
}

async fn with_counts(
    state: &State,
    visitor: &Visitor,
    id: web::Path<String>,
) -> Result<(ServiceAccount, Counts), Failure> {
    let (id, now) = (ServiceAccountId::new(id.into_inner()), visitor.now());
    let found = state
        .database
        .read(move |connection| endings::of_account(connection, &id, now))
        .await?;
    Ok(found)
}

async fn ask_disable(
    visitor: Visitor,
    state: web::Data<State>,
    id: web::Path<String>,
) -> Result<HttpResponse, Failure> {
    let (account, counts) = with_counts(&state, &visitor, id).await?;
    let question = Question {
        title: &format!("Disable {}", account.name),
        back: (&address(&account.id), &account.name),
        consequences: html! {
            (ending_of(&counts))
            p { "The account can be enabled again; what has ended stays ended." }
        },
        fields: html! {},
        button: "Disable it",
        is_dangerous: true,
    };
    let content = confirm(&visitor, visitor.asked(&state)?, &question);
    Ok(page(
        &visitor,
        Section::ServiceAccounts,
        "Disable",
        &content,
    ))
}

async fn disable(
    sent: Confirmed<Nothing>,
    state: web::Data<State>,
    id: web::Path<String>,
) -> Result<HttpResponse, Failure> {
    switch(
        &sent.visitor,
        &state,
        id,
        rules::disable,
        "account-disabled",
    )
    .await
}

async fn enable(
    sent: Posted<Nothing>,
    state: web::Data<State>,
    id: web::Path<String>,
) -> Result<HttpResponse, Failure> {
    switch(&sent.visitor, &state, id, rules::enable, "account-enabled").await
}

type Switch = fn(
    &mut DatabaseConnection,
    &ServiceAccountId,
    &Actor,
    Timestamp,
) -> Result<ServiceAccount, CredentialError>;

async fn switch(
    visitor: &Visitor,
    state: &State,
    id: web::Path<String>,
    switch: Switch,
    done: &str,
) -> Result<HttpResponse, Failure> {
    let id = ServiceAccountId::new(id.into_inner());
    let account = id.clone();
    visitor
        .admin(WRITE)
        .write(state, move |connection, admin| {
            switch(connection, &account, &admin.actor, admin.now)
        })
        .await?;
    Ok(see_other(&format!("{}?done={done}", address(&id))))
}

async fn ask_delete(
    visitor: Visitor,
    state: web::Data<State>,
    id: web::Path<String>,
) -> Result<HttpResponse, Failure> {
    let (account, counts) = with_counts(&state, &visitor, id).await?;
    let question = Question {
        title: &format!("Delete {}", account.name),
        back: (&address(&account.id), &account.name),
        consequences: ending_of(&counts),
        fields: typed("service account", &account.name),
        button: "Delete it",
        is_dangerous: true,
    };
    let content = confirm(&visitor, visitor.asked(&state)?, &question);
    Ok(page(&visitor, Section::ServiceAccounts, "Delete", &content))
}

async fn delete(
    sent: Confirmed<Typed>,
    state: web::Data<State>,
    id: web::Path<String>,
) -> Result<HttpResponse, Failure> {
    let id = ServiceAccountId::new(id.into_inner());
    sent.form.check(&found(&state, &id)?.name)?;
    sent.visitor
        .admin(WRITE)
        .write(&state, move |connection, admin| {
            rules::delete(connection, &id, &admin.actor, admin.now)
        })
        .await?;
    Ok(see_other("/console/service-accounts?done=account-deleted"))
}
