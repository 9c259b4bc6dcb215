//! Who may read the report over HTTP: refused where it would be whoever reaches the port.

use std::net::SocketAddr;

use super::Absent::{Default, Required};
use super::Checker;
use crate::config::errors::fault;
use crate::config::settings::ReportAuth;
use crate::config::value::access::{self, Kind};
use crate::config::value::{secret, word};

impl Checker<'_> {
    /// `listen` is none where that was refused.
    pub(super) fn report_auth(
        &mut self,
        (kind, token, token_file): (Option<String>, Option<String>, Option<String>),
        (header, from): (Option<String>, Option<Vec<String>>),
        listen: Option<SocketAddr>,
    ) -> Option<ReportAuth> {
        let kind = self.value("http.report_auth", kind, Default("off".to_owned()), word(&access::KINDS));
        let needed = if kind == Some(Kind::Token) { Required("\"…\"") } else { Default(String::new()) };
        let token = self.secret("http.report_token", token, token_file, needed, secret::report_token);
        let usual = Default("X-Forwarded-User".to_owned());
        let header = self.value("http.report_proxy_header", header, usual, |text| access::proxy_header(&text));
        let names_networks = from.is_some();
        let from = self.optional("http.report_proxy_from", from, access::proxy_from);
        Some(match kind? {
            Kind::Off => ReportAuth::Off,
            Kind::Token => ReportAuth::Token(token?),
            Kind::Proxy => {
                if !names_networks && listen.is_some_and(|listen| !listen.ip().to_canonical().is_loopback()) {
                    let remedy = "list the proxy's addresses in report_proxy_from, or listen on 127.0.0.1";
                    self.fault("http.report_auth", fault("would believe whoever reaches the port", remedy));
                }
                ReportAuth::Proxy { header: header?, from: from.unwrap_or_default() }
            }
        })
    }
}
