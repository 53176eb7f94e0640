//! The making and the change of a product: its form, what is said there of groups that were deleted, and the question
//! before one that was for some groups is opened to everybody.

use actix_web::{HttpResponse, web};
use maud::{Markup, html};
use serde::Deserialize;

use crate::lifecycle::{GROUP, USER};
use crate::policies::products::{self as rules, ProductChange};
use crate::policies::{PolicyError, Scope};
use crate::store::audit_events::Selection;
use crate::store::id::{ProductId, ResourceId};
use crate::store::products::Product;
use crate::store::{DatabaseConnection, StoreError, audit_search, policies, resources};

use super::super::State;
use super::answer::{Failure, see_other};
use super::chosen::all_named;
use super::frame::{Section, page};
use super::new_key::separated;
use super::page::{Access, Page};
use super::parts::{Question, confirm, confirmation, field_with_hint, form, heading};
use super::posted::{Confirmed, Posted};
use super::products::address;
use super::visitor::Visitor;
use super::words::counted;

const NEW: &str = "/console/products/new";
const OPENING: &str = "Open it to everybody?";
const ABOVE: (&str, &str) = ("/console/products", "Products");

pub(super) fn pages() -> Vec<Page> {
    let write = Access::With(Scope::ProductsWrite);
    vec![
        Page::at("/products/new")
            .get(write, show_new)
            .post(write, create),
        Page::at("/products/{id}/change")
            .get(write, show_change)
            .post(write, change),
    ]
}

/// A group whose people may use a product.
pub(super) struct AccessGroup {
    pub(super) id: ResourceId,
    /// What it is called, or was.
    name: Option<String>,
    /// Whether it was deleted, so that nobody is in it.
    pub(super) is_gone: bool,
}

impl AccessGroup {
    /// What it is called, or was; its identifier where nobody knows.
    pub(super) fn label(&self) -> &str {
        self.name.as_deref().unwrap_or(self.id.as_str())
    }
}

/// These groups in their order. What one was called that was deleted, the audit log knows.
pub(super) fn access_groups(
    connection: &mut DatabaseConnection,
    groups: &[ResourceId],
) -> Result<Vec<AccessGroup>, PolicyError> {
    let there = resources::find_all(connection, groups)?;
    groups
        .iter()
        .map(|id| {
            let found = there.iter().find(|found| found.id == *id);
            let name = match found {
                Some(found) => found.label().map(str::to_owned),
                None => last_name(connection, id)?,
            };
            Ok(AccessGroup {
                id: id.clone(),
                name,
                is_gone: found.is_none(),
            })
        })
        .collect()
}

/// What the newest event about a group calls it.
fn last_name(
    connection: &mut DatabaseConnection,
    group: &ResourceId,
) -> Result<Option<String>, StoreError> {
    let about = Selection {
        target_id: Some(group.to_string()),
        ..Selection::default()
    };
    let newest = audit_search::list(connection, &about, None, 1)?;
    Ok(newest
        .into_iter()
        .next()
        .and_then(|event| event.target_name))
}

/// What the form of a product has.
#[derive(Deserialize)]
struct Wanted {
    name: String,
    #[serde(default)]
    scopes: String,
    /// Groups that stay.
    #[serde(default)]
    groups: Vec<ResourceId>,
    /// What further groups are called, one on each line.
    #[serde(default)]
    further_groups: String,
    /// Whether its sender was asked, and opens it to everybody.
    #[serde(default)]
    open_to_everybody: bool,
}

impl Wanted {
    fn access_groups(
        &self,
        connection: &mut DatabaseConnection,
    ) -> Result<Vec<ResourceId>, PolicyError> {
        let mut groups = self.groups.clone();
        for group in all_named(connection, GROUP, &self.further_groups)? {
            if !groups.contains(&group) {
                groups.push(group);
            }
        }
        Ok(groups)
    }

    /// Whether its sender has to be asked whether they mean to open this product, with these groups, to everybody.
    fn opens(&self, product: &Product, groups: &[ResourceId]) -> bool {
        groups.is_empty() && !product.access_groups.is_empty() && !self.open_to_everybody
    }
}

fn product_fields(name: &str, scopes: &str, groups: &[AccessGroup]) -> Markup {
    html! {
        (field_with_hint("Name", "As people know it, such as Wiki.", &html! {
            input name="name" value=(name) maxlength="200" required autocomplete="off";
        }))
        (field_with_hint(
            "Scopes",
            "What its tokens can be limited to, with spaces between, such as pages:read pages:write.",
            &html! { input name="scopes" value=(scopes) autocomplete="off" spellcheck="false"; },
        ))
        fieldset {
            legend { "Who may have tokens for it" }
            @for group in groups {
                label.check {
                    input type="checkbox" name="groups" value=(group.id) checked;
                    span {
                        (group.label())
                        @if group.is_gone { " " span.muted { "(this group was deleted: it lets nobody in)" } }
                    }
                }
            }
            (field_with_hint(
                "Groups",
                "Names or identifiers, one on each line. Where there are none at all, everybody may.",
                &html! { textarea name="further_groups" rows="3" spellcheck="false" {} },
            ))
        }
    }
}

async fn show_new(visitor: Visitor) -> Result<HttpResponse, Failure> {
    let content = html! {
        (heading("New product", Some(ABOVE), &html! {}))
        (form(&visitor, NEW, &html! {
            (product_fields("", "", &[]))
            button.primary { "Make the product" }
        }))
    };
    Ok(page(&visitor, Section::Products, "New product", &content))
}

async fn create(sent: Posted<Wanted>, state: web::Data<State>) -> Result<HttpResponse, Failure> {
    let wanted = sent.form;
    let product = sent
        .visitor
        .admin(Scope::ProductsWrite)
        .write(&state, move |connection, admin| {
            let groups = wanted.access_groups(connection)?;
            let scopes = separated(&wanted.scopes);
            let (actor, now) = (&admin.actor, admin.now);
            rules::create(connection, &wanted.name, &scopes, &groups, actor, now)
        })
        .await?;
    Ok(see_other(&address(&product.id)))
}

async fn show_change(
    visitor: Visitor,
    state: web::Data<State>,
    id: web::Path<String>,
) -> Result<HttpResponse, Failure> {
    let id = ProductId::new(id.into_inner());
    let (product, groups) = state.database.read_now(|connection| {
        let product = rules::find(connection, &id)?;
        let groups = access_groups(connection, &product.access_groups)?;
        Ok::<_, PolicyError>((product, groups))
    })?;
    let place = address(&id);
    let asked = visitor.asked(&state)?;
    let title = format!("Change {}", product.name);
    let content = html! {
        (heading(&title, Some((&place, &product.name)), &html! {}))
        (form(&visitor, &format!("{place}/change"), &html! {
            (product_fields(&product.name, &product.scopes.join(" "), &groups))
            (confirmation(asked))
            div.buttons {
                button.primary { "Change it" }
                a.button href=(place) { "Cancel" }
            }
        }))
    };
    Ok(page(&visitor, Section::Products, &title, &content))
}

async fn change(
    sent: Confirmed<Wanted>,
    state: web::Data<State>,
    id: web::Path<String>,
) -> Result<HttpResponse, Failure> {
    let id = ProductId::new(id.into_inner());
    let Confirmed {
        visitor,
        form: wanted,
    } = sent;
    let of = id.clone();
    let (wanted, opening) = state
        .database
        .read(move |connection| {
            let product = rules::find(connection, &of)?;
            let groups = wanted.access_groups(connection)?;
            let opening = if wanted.opens(&product, &groups) {
                Some(Opening::of(connection, product)?)
            } else {
                None
            };
            Ok::<_, PolicyError>((wanted, opening))
        })
        .await?;
    if let Some(opening) = opening {
        let back = format!("{}/change", address(&id));
        let question = opening.question(&back, &wanted);
        let content = confirm(&visitor, visitor.asked(&state)?, &question);
        return Ok(page(&visitor, Section::Products, OPENING, &content));
    }
    let product = id.clone();
    visitor
        .admin(Scope::ProductsWrite)
        .write(&state, move |connection, admin| {
            let groups = wanted.access_groups(connection)?;
            // Somebody else may have closed it since.
            if wanted.opens(&rules::find(connection, &product)?, &groups) {
                return Err(PolicyError::Conflict(
                    "the product was changed meanwhile: open the form again".to_owned(),
                ));
            }
            let change = ProductChange {
                name: Some(wanted.name.clone()),
                scopes: Some(separated(&wanted.scopes)),
                access_groups: Some(groups),
            };
            rules::update(connection, &product, &change, &admin.actor, admin.now)
        })
        .await?;
    Ok(see_other(&format!("{}?done=product-changed", address(&id))))
}

/// What opening a product to everybody would do.
struct Opening {
    product: Product,
    /// How many active people may use it now.
    now: usize,
    /// How many there are.
    everybody: i64,
}

impl Opening {
    fn of(connection: &mut DatabaseConnection, product: Product) -> Result<Self, StoreError> {
        let groups = &product.access_groups;
        let now = policies::active_people_within(connection, groups, USER)?.len();
        let everybody = policies::count_active_people(connection, USER)?;
        Ok(Self {
            product,
            now,
            everybody,
        })
    }

    /// Asks with what was filled in, so that the answer to it is the form once more.
    fn question<'a>(&'a self, back: &'a str, wanted: &Wanted) -> Question<'a> {
        let now = i64::try_from(self.now).unwrap_or(i64::MAX);
        let groups = i64::try_from(self.product.access_groups.len()).unwrap_or(i64::MAX);
        Question {
            title: OPENING,
            back: (back, &self.product.name),
            consequences: html! {
                p {
                    "Without its " (counted(groups, "group", "groups")) ", " (self.product.name)
                    " is open to everybody."
                }
                ul.impact {
                    li { "May have tokens for it now: " strong { (counted(now, "person", "people")) } "." }
                    li {
                        "May have them then: " strong { (counted(self.everybody, "person", "people")) }
                        ", everybody who is active in any directory. Tokens of theirs that are for every product work "
                        "there at once."
                    }
                }
                p { "To keep it closed, go back and leave a group ticked, also one that was deleted." }
            },
            fields: html! {
                input type="hidden" name="name" value=(wanted.name);
                input type="hidden" name="scopes" value=(wanted.scopes);
                input type="hidden" name="open_to_everybody" value="true";
            },
            button: "Open it to everybody",
            is_dangerous: true,
        }
    }
}
