//! Lists: queries in the URL or in a body (RFC 7644 sections 3.4.2, 3.4.3).

use std::sync::Arc;

use actix_web::{HttpResponse, web};

use crate::provisioning::{Output, ProvisioningError, Query};
use crate::scim::leniency::Leniencies;
use crate::scim::list::{PageLimits, SearchRequest};
use crate::scim::schema::ResourceType;
use crate::store::Freshness;

use super::answer::{Failure, builder};
use super::{Exchange, request, stream};

/// `GET` of an endpoint.
pub async fn query(
    exchange: &mut Exchange,
    endpoint: &str,
    kinds: Vec<Arc<ResourceType>>,
) -> Result<HttpResponse, Failure> {
    let pairs = request::query(&exchange.request)?;
    let asked = SearchRequest::from_query(&pairs, &page_limits(exchange))?;
    let leniencies = Leniencies::new(exchange.context.directory.dialect);
    run(exchange, endpoint, kinds, asked, leniencies).await
}

/// `POST` of `.search` below an endpoint.
pub async fn search(
    exchange: &mut Exchange,
    endpoint: &str,
    kinds: Vec<Arc<ResourceType>>,
    body: web::Payload,
) -> Result<HttpResponse, Failure> {
    let limit = usize::try_from(exchange.state.settings.limits.max_body).unwrap_or(usize::MAX);
    let body = request::json(&exchange.request, body, limit).await?;
    exchange.check_again()?;
    let mut leniencies = Leniencies::new(exchange.context.directory.dialect);
    let asked = SearchRequest::from_body(&body, &page_limits(exchange), &mut leniencies)?;
    run(exchange, endpoint, kinds, asked, leniencies).await
}

async fn run(
    exchange: &mut Exchange,
    endpoint: &str,
    kinds: Vec<Arc<ResourceType>>,
    asked: SearchRequest,
    mut leniencies: Leniencies,
) -> Result<HttpResponse, Failure> {
    let context = exchange.context.clone();
    let query = Query::new(&context, endpoint, kinds, asked, &mut leniencies)?;
    exchange.done.leniencies = leniencies.used().collect();
    // Whether somebody exists already is asked before they are created: that is never answered by a replica.
    if query.is_look_up() {
        let text = exchange.state.database.read_now(|connection| {
            let mut output = Output::gathered();
            query.run(connection, &context, &mut output)?;
            Ok::<_, ProvisioningError>(output.finish().unwrap_or_default())
        })?;
        return Ok(builder(200).body(text));
    }
    let freshness = Freshness::MayLag;
    stream::answer(
        exchange,
        freshness,
        builder(200),
        move |connection, output| query.run(connection, &context, output),
    )
    .await
}

fn page_limits(exchange: &Exchange) -> PageLimits {
    let limits = &exchange.state.settings.limits;
    PageLimits {
        default_count: limits.default_page_size.into(),
        max_count: limits.max_page_size.into(),
    }
}
