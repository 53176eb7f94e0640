//! What was found, and what to do about it.

use std::fmt::Display;

use serde::Serialize;

/// How a check went.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Verdict {
    /// Nothing is to be done.
    Good,
    /// Something is to be looked at.
    Remark,
    /// Something is wrong.
    Problem,
}

/// One thing that was looked at.
#[derive(Debug, Serialize)]
pub(super) struct Finding {
    pub(super) check: &'static str,
    pub(super) verdict: Verdict,
    pub(super) detail: String,
    pub(super) to_do: Option<String>,
}

/// All of them, in the order in which they were looked at.
#[derive(Debug, Default)]
pub(super) struct Findings(pub(super) Vec<Finding>);

impl Findings {
    pub(super) fn good(&mut self, check: &'static str, detail: impl Display) {
        self.add(check, Verdict::Good, detail, None);
    }

    pub(super) fn remark(
        &mut self,
        check: &'static str,
        detail: impl Display,
        to_do: impl Display,
    ) {
        self.add(check, Verdict::Remark, detail, Some(to_do.to_string()));
    }

    pub(super) fn problem(
        &mut self,
        check: &'static str,
        detail: impl Display,
        to_do: impl Display,
    ) {
        self.add(check, Verdict::Problem, detail, Some(to_do.to_string()));
    }

    fn add(
        &mut self,
        check: &'static str,
        verdict: Verdict,
        detail: impl Display,
        to_do: Option<String>,
    ) {
        self.0.push(Finding {
            check,
            verdict,
            detail: detail.to_string(),
            to_do,
        });
    }

    /// Says that a check went well, where nothing was found by it.
    pub(super) fn good_unless_found(&mut self, check: &'static str, detail: impl Display) {
        if !self.0.iter().any(|finding| finding.check == check) {
            self.good(check, detail);
        }
    }

    pub(super) fn problems(&self) -> usize {
        let problems = self.0.iter();
        problems
            .filter(|finding| finding.verdict == Verdict::Problem)
            .count()
    }
}
