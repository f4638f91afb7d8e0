//! When to fetch: a state machine over the caller's monotonic clock, so that a jump of the wall clock neither floods a
//! server nor starves a verifier. All times are milliseconds.

/// The longest pause after failures.
const MAX_BACK_OFF: u64 = 300_000;
/// A fetch that has not been answered this long after its timeout never will be.
const LOST_AFTER: u64 = 5_000;

/// The fetches of one source: one at a time, never closer together than the cool-down, failures included.
#[derive(Debug)]
pub(crate) struct Schedule {
    refresh: u64,
    cooldown: u64,
    timeout: u64,
    in_flight: bool,
    attempted: Option<u64>,
    failures: u32,
    /// When the content gets old, if there is content.
    expires: Option<u64>,
    /// When to ask again.
    due: u64,
}

impl Schedule {
    pub(crate) const fn new(refresh: u64, cooldown: u64, timeout: u64) -> Self {
        Self { refresh, cooldown, timeout, in_flight: false, attempted: None, failures: 0, expires: None, due: 0 }
    }

    /// Whether to fetch now; `wanted` if somebody waits for what the next answer may have.
    pub(crate) const fn is_due(&self, uptime: u64, wanted: bool) -> bool {
        let Some(attempted) = self.attempted else { return true };
        let since = uptime.saturating_sub(attempted);
        if self.in_flight && since < self.timeout.saturating_add(LOST_AFTER) {
            return false;
        }
        // A wish does not shorten the pause after a failure.
        since >= self.cooldown && (uptime >= self.due || (wanted && self.failures == 0))
    }

    /// Whether the answer of a fetch is still to come.
    pub(crate) fn is_in_flight(&self, uptime: u64) -> bool {
        let since = uptime.saturating_sub(self.attempted.unwrap_or(0));
        self.in_flight && since < self.timeout.saturating_add(LOST_AFTER)
    }

    /// Whether the content is older than its refresh interval.
    pub(crate) fn is_overdue(&self, uptime: u64) -> bool {
        self.expires.is_none_or(|expires| uptime >= expires)
    }

    /// How long ago the last fetch began.
    pub(crate) fn since_begin(&self, uptime: u64) -> u64 {
        self.attempted.map_or(0, |attempted| uptime.saturating_sub(attempted))
    }

    /// A fetch begins.
    pub(crate) const fn begin(&mut self, uptime: u64) {
        self.attempted = Some(uptime);
        self.in_flight = true;
    }

    /// A good answer that may be used for `lifetime`, if it says so. The next fetch comes before that is over, at a
    /// moment that `jitter` spreads.
    pub(crate) fn succeed(&mut self, uptime: u64, lifetime: Option<u64>, jitter: u8) {
        self.in_flight = false;
        self.failures = 0;
        self.expire(uptime, lifetime.unwrap_or(self.refresh), jitter);
    }

    /// A bad answer or none.
    pub(crate) fn fail(&mut self, uptime: u64, jitter: u8) {
        self.in_flight = false;
        self.failures = self.failures.saturating_add(1);
        let pause = self.pause();
        let pause = pause.saturating_sub(share(pause / 4, jitter)).max(self.cooldown);
        self.due = uptime.saturating_add(pause);
    }

    /// Takes over content of some age, fetched by somebody else or in an earlier life.
    pub(crate) fn resume(&mut self, uptime: u64, age: u64, lifetime: Option<u64>, jitter: u8) {
        let lifetime = lifetime.unwrap_or(self.refresh).clamp(self.cooldown, self.refresh);
        self.failures = 0;
        self.in_flight = false;
        self.attempted = Some(uptime.saturating_sub(age));
        self.expire(uptime, lifetime.saturating_sub(age), jitter);
    }

    /// Somebody else has tried, this long ago, and failed this often in a row; or is about to.
    pub(crate) fn defer(&mut self, uptime: u64, age: u64, failures: u32) {
        self.attempted = Some(uptime.saturating_sub(age));
        self.failures = failures;
        self.due = self.due.max(uptime.saturating_sub(age).saturating_add(self.pause()));
    }

    /// Fetches that failed since the last good one.
    pub(crate) const fn failures(&self) -> u32 {
        self.failures
    }

    fn expire(&mut self, uptime: u64, lifetime: u64, jitter: u8) {
        let lifetime = lifetime.min(self.refresh);
        let lifetime = if lifetime < self.cooldown { self.cooldown } else { lifetime };
        self.expires = Some(uptime.saturating_add(lifetime));
        // Between 80 and 90 per cent, as a fetch takes time and many verifiers start together.
        let ahead = share(lifetime / 10, jitter);
        self.due = uptime.saturating_add((lifetime / 10).saturating_mul(8)).saturating_add(ahead);
    }

    /// The pause after failures: doubled with each, and never so long that recovery takes more than one refresh.
    fn pause(&self) -> u64 {
        let doublings = self.failures.saturating_sub(1).min(16);
        let pause = self.cooldown.saturating_mul(1_u64.wrapping_shl(doublings));
        pause.min(MAX_BACK_OFF).min(self.refresh).max(self.cooldown)
    }
}

/// A part of a time: nothing for 0, nearly all of it for 255.
const fn share(time: u64, jitter: u8) -> u64 {
    #[expect(clippy::as_conversions, reason = "a byte fits, and `From` is not const")]
    let jitter = jitter as u64;
    time.saturating_mul(jitter) / 256
}

#[cfg(test)]
mod tests {
    use alloc::vec::Vec;

    use super::Schedule;

    const fn new() -> Schedule {
        Schedule::new(300_000, 10_000, 5_000)
    }

    #[test]
    fn one_fetch_at_a_time() {
        let mut schedule = new();
        assert!(schedule.is_due(0, false));
        schedule.begin(0);
        assert!(!schedule.is_due(0, true) && !schedule.is_due(9_999, true));
        // An answer that never comes does not block for ever.
        assert!(schedule.is_due(10_000, true));
    }

    #[test]
    fn refresh_comes_before_the_content_is_old() {
        for jitter in [0, 128, 255] {
            let mut schedule = new();
            schedule.begin(0);
            schedule.succeed(1_000, None, jitter);
            let due = (0..400).map(|second| second * 1_000).find(|uptime| schedule.is_due(*uptime, false)).unwrap();
            assert!((241_000..=271_000).contains(&due), "{due}");
            assert!(!schedule.is_overdue(300_999) && schedule.is_overdue(301_000));
        }
    }

    #[test]
    fn a_lifetime_shortens_the_interval_within_bounds_and_never_lengthens_it() {
        for (lifetime, expected) in [(60_000, 60_000), (0, 10_000), (86_400_000, 300_000)] {
            let mut schedule = new();
            schedule.begin(0);
            schedule.succeed(0, Some(lifetime), 0);
            assert!(!schedule.is_overdue(expected - 1) && schedule.is_overdue(expected), "{lifetime}");
        }
    }

    #[test]
    fn failures_cool_down_and_back_off_to_five_minutes() {
        let mut schedule = new();
        let mut attempts = Vec::new();
        for uptime in (0..3_600_000).step_by(500) {
            if schedule.is_due(uptime, true) {
                attempts.push(uptime);
                schedule.begin(uptime);
                schedule.fail(uptime, 0);
            }
        }
        let pauses: Vec<_> = attempts.windows(2).map(|pair| pair[1] - pair[0]).collect();
        assert_eq!(&pauses[..7], &[10_000, 20_000, 40_000, 80_000, 160_000, 300_000, 300_000]);
        schedule.succeed(3_600_000, None, 0);
        assert_eq!(schedule.failures(), 0);
    }

    #[test]
    fn a_wish_is_granted_after_the_cool_down_only() {
        let mut schedule = new();
        schedule.begin(0);
        schedule.succeed(100, None, 0);
        assert!(!schedule.is_due(9_999, true));
        assert!(schedule.is_due(10_000, true) && !schedule.is_due(10_000, false));
    }

    #[test]
    fn jitter_spreads_retries_and_never_shortens_the_cool_down() {
        let mut schedule = new();
        for _ in 0..3 {
            schedule.begin(0);
            schedule.fail(0, 255);
        }
        // 40 s, less nearly a quarter; nobody's wish changes that.
        assert!(!schedule.is_due(30_000, true) && schedule.is_due(30_100, false));
        schedule.begin(0);
        schedule.succeed(0, None, 0);
        schedule.fail(0, 255);
        assert!(!schedule.is_due(9_999, true) && schedule.is_due(10_000, false));
    }
}
