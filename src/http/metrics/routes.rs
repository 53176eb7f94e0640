//! Requests by route, method and status, and how long they took. A route is the pattern of a path, so that nothing
//! of a request becomes the name of a metric.

use std::collections::{BTreeMap, HashMap};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock, PoisonError, RwLock};
use std::time::Duration;

use actix_web::{HttpMessage, HttpRequest};

use crate::meter::{Histogram, MICROS};
use crate::scim::schema::Registry;

use super::exposition::{Exposition, Kind, Scale};

/// The base of the SCIM interface, whose paths one dispatcher serves.
const SCIM: &str = "/scim/v2";
/// What no route has been found for.
const NO_ROUTE: &str = "none";

/// Whatever else a client writes for a method is counted as the last.
const METHODS: [&str; 8] = [
    "GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "other",
];
/// The statuses that are answered; whatever else is counted as the last.
const STATUSES: [u16; 29] = [
    200, 201, 202, 204, 206, 301, 302, 303, 304, 307, 308, 400, 401, 403, 404, 405, 406, 408, 409,
    412, 413, 414, 415, 422, 429, 431, 500, 503, 0,
];

/// A method as it may be shown: what a client makes up is `other`.
pub fn known_method(method: &str) -> &'static str {
    let known = METHODS.into_iter().find(|known| *known == method);
    known.unwrap_or("other")
}

/// What is counted of one route.
pub struct Route {
    pattern: Box<str>,
    methods: [OnceLock<Box<Counts>>; METHODS.len()],
}

struct Counts {
    statuses: [AtomicU64; STATUSES.len()],
    micros: Histogram,
}

impl Route {
    fn of(pattern: &str) -> Arc<Self> {
        Arc::new(Self {
            pattern: pattern.into(),
            methods: Default::default(),
        })
    }

    /// The pattern of its paths.
    pub fn pattern(&self) -> &str {
        &self.pattern
    }

    fn note(&self, method: &str, status: u16, elapsed: Duration) {
        let last = METHODS.len() - 1;
        let method = METHODS.iter().position(|known| *known == method);
        let Some(counts) = self.methods.get(method.unwrap_or(last)) else {
            return;
        };
        let counts = counts.get_or_init(|| {
            Box::new(Counts {
                statuses: Default::default(),
                micros: Histogram::new(MICROS),
            })
        });
        let last = STATUSES.len() - 1;
        let status = STATUSES.iter().position(|known| *known == status);
        if let Some(count) = counts.statuses.get(status.unwrap_or(last)) {
            count.fetch_add(1, Ordering::Relaxed);
        }
        let micros = u64::try_from(elapsed.as_micros()).unwrap_or(u64::MAX);
        counts.micros.note(micros);
    }
}

/// Remembers, where a path is mounted, which route it is.
#[derive(Default)]
pub struct RouteSlot(OnceLock<Arc<Route>>);

/// The route of a request that a dispatcher has found out.
struct Found(Arc<Route>);

/// The routes of a resource type's endpoint.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Shape {
    /// `/Users`
    Collection,
    /// `/Users/{id}`
    Resource,
    /// `/Users/.search`
    Search,
}

/// Every route that was asked for.
pub struct Routes {
    known: RwLock<BTreeMap<Box<str>, Arc<Route>>>,
    /// Those of the SCIM interface, by the endpoint.
    scim: HashMap<String, [Arc<Route>; 3]>,
    scim_base: Arc<Route>,
    none: Arc<Route>,
}

impl Routes {
    /// With those of the SCIM endpoints that there are.
    pub fn new(registry: &Registry) -> Self {
        let mut known = BTreeMap::new();
        let mut route = |pattern: String| {
            let route = Route::of(&pattern);
            known.insert(pattern.into_boxed_str(), Arc::clone(&route));
            route
        };
        let mut scim = HashMap::new();
        for resource_type in registry.resource_types() {
            let endpoint = &resource_type.endpoint;
            let base = format!("{SCIM}{endpoint}");
            let routes = [
                route(base.clone()),
                route(format!("{base}/{{id}}")),
                route(format!("{base}/.search")),
            ];
            scim.insert(endpoint.clone(), routes);
        }
        for other in [
            "ServiceProviderConfig",
            "Schemas",
            "ResourceTypes",
            "Bulk",
            "Me",
            ".search",
        ] {
            let one = route(format!("{SCIM}/{other}"));
            scim.insert(other.to_owned(), [Arc::clone(&one), Arc::clone(&one), one]);
        }
        Self {
            scim_base: route(SCIM.to_owned()),
            none: route(NO_ROUTE.to_owned()),
            known: RwLock::new(known),
            scim,
        }
    }

    /// Notes that a request is one to this endpoint of the SCIM interface.
    pub fn is_scim(&self, request: &HttpRequest, endpoint: &str, shape: Shape) {
        let index = match shape {
            Shape::Collection => 0,
            Shape::Resource => 1,
            Shape::Search => 2,
        };
        let routes = self.scim.get(endpoint);
        if let Some(route) = routes.and_then(|routes| routes.get(index)) {
            request.extensions_mut().insert(Found(Arc::clone(route)));
        }
    }

    /// Counts a request, and says which route it had.
    pub fn note(&self, request: &HttpRequest, status: u16, elapsed: Duration) -> Arc<Route> {
        let route = self.route_of(request);
        route.note(request.method().as_str(), status, elapsed);
        route
    }

    fn route_of(&self, request: &HttpRequest) -> Arc<Route> {
        if let Some(Found(route)) = request.extensions().get() {
            return Arc::clone(route);
        }
        if let Some(RouteSlot(slot)) = request.app_data() {
            let route = slot.get_or_init(|| match request.match_pattern() {
                Some(pattern) => self.known(&pattern),
                None => Arc::clone(&self.none),
            });
            return Arc::clone(route);
        }
        let base = if request.path().starts_with(SCIM) {
            &self.scim_base
        } else {
            &self.none
        };
        Arc::clone(base)
    }

    /// The route of this pattern, which each worker asks for once.
    fn known(&self, pattern: &str) -> Arc<Route> {
        let mut known = self.known.write().unwrap_or_else(PoisonError::into_inner);
        let route = known
            .entry(pattern.into())
            .or_insert_with(|| Route::of(pattern));
        Arc::clone(route)
    }

    /// Shows what was counted.
    pub fn expose(&self, text: &mut Exposition) {
        let known = self.known.read().unwrap_or_else(PoisonError::into_inner);
        let counted = || {
            known.values().flat_map(|route| {
                let methods = METHODS.iter().zip(&route.methods);
                methods
                    .filter_map(|(method, counts)| Some((route.pattern(), *method, counts.get()?)))
            })
        };
        let name = "portcullis_http_requests_total";
        text.metric(
            name,
            Kind::Counter,
            "Requests answered, by route and status.",
        );
        for (route, method, counts) in counted() {
            for (status, count) in STATUSES.iter().zip(&counts.statuses) {
                let count = count.load(Ordering::Relaxed);
                if count > 0 {
                    let status = match status {
                        0 => "other".to_owned(),
                        status => status.to_string(),
                    };
                    let labels = [("method", method), ("route", route), ("status", &status)];
                    text.sample(name, &labels, count);
                }
            }
        }
        let name = "portcullis_http_request_duration_seconds";
        text.metric(
            name,
            Kind::Histogram,
            "Time from a request's head to the beginning of its answer, by route.",
        );
        for (route, method, counts) in counted() {
            let labels = [("method", method), ("route", route)];
            text.histogram(name, &labels, &counts.micros.snapshot(), Scale::Micros);
        }
    }
}
