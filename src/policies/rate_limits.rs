//! How many requests a credential may make, and how often an address may present credentials that nobody knows.
//! Counted in memory, by each node for itself: what is counted protects the node.

use std::collections::BTreeMap;
use std::hash::Hash;
use std::net::{IpAddr, Ipv6Addr};
use std::num::NonZeroU32;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use governor::clock::Clock as _;
use governor::middleware::NoOpMiddleware;
use governor::nanos::Nanos;
use governor::state::keyed::HashMapStateStore;
use governor::{Quota, RateLimiter};

use crate::clock::Clock;
use crate::config::Limits;
use crate::secret::SecretKind;
use crate::store::credentials::Credential;
use crate::store::id::CredentialId;

use super::PolicyError;

/// How many seconds of its rate a credential may spend at once, when it has been quiet for as long.
pub const BURST_SECONDS: u32 = 10;
/// The highest rate that can be set.
pub const MAX_PER_SECOND: u32 = 1_000_000;

/// Which rate a credential is to have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rate {
    /// That of its kind.
    OfKind,
    /// This many requests a second; 0 is no bound.
    Own(u32),
}

impl Rate {
    /// The rate of its own, where it is to have one.
    #[must_use]
    pub fn own(self) -> Option<u32> {
        match self {
            Self::OfKind => None,
            Self::Own(rate) => Some(rate),
        }
    }
}

/// A rate that a credential may have of its own.
///
/// # Errors
/// [`PolicyError::Invalid`] beyond [`MAX_PER_SECOND`].
pub fn checked(rate: Option<u32>) -> Result<Option<u32>, PolicyError> {
    if rate.is_some_and(|rate| rate > MAX_PER_SECOND) {
        return Err(PolicyError::Invalid(format!(
            "requests_per_second must be at most {MAX_PER_SECOND}; 0 is no bound"
        )));
    }
    Ok(rate)
}

/// Time that only goes forwards: a clock that is set back must not lock anybody out.
#[derive(Debug, Clone)]
struct Monotonic(Clock);

impl governor::clock::Clock for Monotonic {
    type Instant = Nanos;

    fn now(&self) -> Nanos {
        self.0.since_start().into()
    }
}

type Limiter<K> = RateLimiter<K, HashMapStateStore<K>, Monotonic, NoOpMiddleware<Nanos>>;

/// The request comes too early.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Exceeded {
    /// How many requests are allowed within [`Exceeded::window_seconds`].
    pub quota: u32,
    /// The time that the quota is for.
    pub window_seconds: u32,
    /// After how many seconds the next request is admitted; at least one.
    pub retry_after_seconds: u64,
}

/// What is counted, and against which rates.
pub struct RateLimits {
    clock: Monotonic,
    scim_key: u32,
    api_key: u32,
    session: u32,
    service_account_token: u32,
    product_credential: u32,
    unknown_per_minute: u32,
    /// One limiter for each rate, since most credentials of a kind share theirs.
    by_rate: RwLock<BTreeMap<NonZeroU32, Arc<Limiter<CredentialId>>>>,
    unknown: Option<Limiter<IpAddr>>,
}

impl RateLimits {
    /// With the rates of the settings; none where one is zero.
    #[must_use]
    pub fn new(limits: &Limits, clock: Clock) -> Self {
        let clock = Monotonic(clock);
        let unknown = NonZeroU32::new(limits.unknown_credential_rate)
            .map(|rate| Limiter::hashmap_with_clock(Quota::per_minute(rate), clock.clone()));
        Self {
            scim_key: limits.scim_key_rate,
            api_key: limits.api_key_rate,
            session: limits.session_rate,
            service_account_token: limits.service_account_rate,
            product_credential: limits.product_credential_rate,
            unknown_per_minute: limits.unknown_credential_rate,
            by_rate: RwLock::default(),
            unknown,
            clock,
        }
    }

    /// Counts a request made with a credential.
    ///
    /// # Errors
    /// [`Exceeded`] where it comes too early; it is not counted then.
    pub fn admit(&self, credential: &Credential) -> Result<(), Exceeded> {
        let Some(rate) = self.rate_of(credential) else {
            return Ok(());
        };
        self.limiter(rate)
            .check_key(&credential.id)
            .map_err(|until| Exceeded {
                quota: rate.get(),
                window_seconds: 1,
                retry_after_seconds: whole_seconds(until.wait_time_from(self.clock.now())),
            })
    }

    /// Counts that an address has presented a credential that nobody knows. Those that are known are admitted
    /// from there as before: many may share an address.
    ///
    /// # Errors
    /// [`Exceeded`] where that happens too often.
    pub fn admit_unknown(&self, address: Option<IpAddr>) -> Result<(), Exceeded> {
        let (Some(limiter), Some(address)) = (&self.unknown, address) else {
            return Ok(());
        };
        limiter
            .check_key(&neighbourhood(address))
            .map_err(|until| Exceeded {
                quota: self.unknown_per_minute,
                window_seconds: 60,
                retry_after_seconds: whole_seconds(until.wait_time_from(self.clock.now())),
            })
    }

    /// Forgets those who have been quiet long enough to begin anew.
    pub fn forget_quiet(&self) {
        for limiter in self
            .by_rate
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .values()
        {
            tidy(limiter);
        }
        if let Some(limiter) = &self.unknown {
            tidy(limiter);
        }
    }

    /// The rate of the key itself, or of its kind; `None` where there is no bound.
    fn rate_of(&self, credential: &Credential) -> Option<NonZeroU32> {
        let of_kind = match credential.kind {
            SecretKind::ScimKey => self.scim_key,
            SecretKind::AdminKey => self.api_key,
            SecretKind::Session => self.session,
            // An identity provider may sign for access tokens instead of keeping a SCIM key.
            SecretKind::ServiceAccountKey if credential.directory_id.is_some() => self.scim_key,
            SecretKind::ServiceAccountToken | SecretKind::ServiceAccountKey => {
                self.service_account_token
            }
            SecretKind::ProductCredential => self.product_credential,
            // It authenticates at products, and here nobody.
            _ => 0,
        };
        NonZeroU32::new(credential.requests_per_second.unwrap_or(of_kind))
    }

    fn limiter(&self, rate: NonZeroU32) -> Arc<Limiter<CredentialId>> {
        let known = self
            .by_rate
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .get(&rate)
            .cloned();
        known.unwrap_or_else(|| {
            let mut by_rate = self.by_rate.write().unwrap_or_else(PoisonError::into_inner);
            let limiter = by_rate
                .entry(rate)
                .or_insert_with(|| Arc::new(with_bursts(rate, self.clock.clone())));
            Arc::clone(limiter)
        })
    }
}

fn with_bursts(rate: NonZeroU32, clock: Monotonic) -> Limiter<CredentialId> {
    let burst = rate.saturating_mul(NonZeroU32::MIN.saturating_add(BURST_SECONDS - 1));
    Limiter::hashmap_with_clock(Quota::per_second(rate).allow_burst(burst), clock)
}

fn tidy<K: Hash + Eq + Clone>(limiter: &Limiter<K>) {
    limiter.retain_recent();
    limiter.shrink_to_fit();
}

/// An IPv6 network of one customer has 2^64 addresses, and they are all theirs.
fn neighbourhood(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(address) => IpAddr::V6(Ipv6Addr::from_bits(
            address.to_bits() & !u128::from(u64::MAX),
        )),
        address @ IpAddr::V4(_) => address,
    }
}

fn whole_seconds(wait: Duration) -> u64 {
    (wait.as_secs() + u64::from(wait.subsec_nanos() > 0)).max(1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::Timestamp;
    use crate::secret::PlainSecret;

    fn rate_limits(clock: &Clock) -> RateLimits {
        let limits = Limits {
            scim_key_rate: 2,
            api_key_rate: 0,
            unknown_credential_rate: 3,
            ..Limits::default()
        };
        RateLimits::new(&limits, clock.clone())
    }

    fn credential(kind: SecretKind, own_rate: Option<u32>) -> Credential {
        let secret = PlainSecret::generate(kind).unwrap();
        let now = Timestamp::from_millis(0);
        Credential {
            requests_per_second: own_rate,
            ..Credential::new(&secret, "Key".to_owned(), None, now, now.plus_days(1))
        }
    }

    fn admitted(limits: &RateLimits, key: &Credential) -> usize {
        (0..1_000).take_while(|_| limits.admit(key).is_ok()).count()
    }

    #[test]
    fn a_burst_is_admitted_and_then_the_rate() {
        let clock = Clock::system();
        let limits = rate_limits(&clock);
        let key = credential(SecretKind::ScimKey, None);
        let first = admitted(&limits, &key);
        assert!((20..1_000).contains(&first), "{first}");
        assert_eq!(
            limits.admit(&key),
            Err(Exceeded {
                quota: 2,
                window_seconds: 1,
                retry_after_seconds: 1,
            })
        );
        clock.advance_millis(5_000);
        let later = admitted(&limits, &key);
        assert!((10..1_000).contains(&later), "{later}");
        // Another key has a count of its own.
        assert!(limits.admit(&credential(SecretKind::ScimKey, None)).is_ok());
    }

    #[test]
    fn a_rate_of_its_own_goes_before_that_of_its_kind_and_nothing_means_no_bound() {
        let limits = rate_limits(&Clock::system());
        let own = admitted(&limits, &credential(SecretKind::ScimKey, Some(1)));
        assert!((10..1_000).contains(&own), "{own}");
        let signing = Credential {
            directory_id: Some(crate::store::id::DirectoryId::generate()),
            ..credential(SecretKind::ScimKey, None)
        };
        let signing = Credential {
            kind: SecretKind::ServiceAccountKey,
            ..signing
        };
        let as_scim = admitted(&limits, &signing);
        assert!((20..1_000).contains(&as_scim), "{as_scim}");
        for (kind, rate) in [(SecretKind::ScimKey, Some(0)), (SecretKind::AdminKey, None)] {
            assert_eq!(admitted(&limits, &credential(kind, rate)), 1_000);
        }
    }

    #[test]
    fn an_address_that_guesses_is_told_to_wait_and_its_neighbours_in_ipv6_with_it() {
        let clock = Clock::system();
        let limits = rate_limits(&clock);
        let guess = |address: &str| limits.admit_unknown(address.parse().ok());
        for _ in 0..3 {
            assert!(guess("2001:db8::1").is_ok());
        }
        let refused = guess("2001:db8::2").unwrap_err();
        assert_eq!((refused.quota, refused.window_seconds), (3, 60));
        assert!((1..=20).contains(&refused.retry_after_seconds));
        assert!(guess("2001:db8:0:1::1").is_ok());
        assert!(limits.admit_unknown(None).is_ok());
        clock.advance_millis(20_000);
        assert!(guess("2001:db8::2").is_ok());
    }

    #[test]
    fn who_has_been_quiet_is_forgotten() {
        let clock = Clock::system();
        let limits = rate_limits(&clock);
        let key = credential(SecretKind::ScimKey, None);
        limits.admit(&key).unwrap();
        limits.admit_unknown("192.0.2.1".parse().ok()).unwrap();
        let counted = |limits: &RateLimits| {
            let of_keys: usize = limits
                .by_rate
                .read()
                .unwrap()
                .values()
                .map(|limiter| limiter.len())
                .sum();
            of_keys + limits.unknown.as_ref().map_or(0, RateLimiter::len)
        };
        limits.forget_quiet();
        assert_eq!(counted(&limits), 2);
        clock.advance_millis(3_600_000);
        limits.forget_quiet();
        assert_eq!(counted(&limits), 0);
    }
}
