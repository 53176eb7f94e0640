//! `POST /Bulk` (RFC 7644 section 3.7).

use actix_web::{HttpResponse, web};

use crate::provisioning::{Bulk, ProvisioningError};
use crate::scim::bulk;
use crate::scim::leniency::Leniencies;

use super::answer::{Failure, builder};
use super::resource::hash_passwords;
use super::{Exchange, request};

/// Runs the operations in one transaction.
pub async fn answer(exchange: &mut Exchange, body: web::Payload) -> Result<HttpResponse, Failure> {
    let limits = &exchange.context.limits;
    let body = request::json(&exchange.request, body, limits.max_bulk_payload).await?;
    let mut leniencies = Leniencies::new(exchange.context.directory.dialect);
    let operations = bulk::parse(&body, limits.max_bulk_operations, &mut leniencies)?;
    let passwords = hash_passwords(&exchange.context, &body).await?;
    let context = exchange.context.clone();
    let (outcome, leniencies) = exchange
        .write(move |connection| {
            let mut leniencies = leniencies.clone();
            let outcome = Bulk::run(
                connection,
                &context,
                &operations,
                &passwords,
                &mut leniencies,
            )?;
            Ok::<_, ProvisioningError>((outcome, leniencies))
        })
        .await?;
    exchange.done.named = outcome.named;
    exchange.done.leniencies = leniencies.used().collect();
    Ok(builder(200).body(outcome.body.to_string()))
}
