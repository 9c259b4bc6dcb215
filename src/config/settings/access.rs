//! The setting of who may read the report over HTTP.

use ipnet::IpNet;
use secrecy::SecretString;

/// `[http] report_auth`
#[derive(Debug, Clone)]
pub enum ReportAuth {
    /// Nobody: there is no such page.
    Off,
    /// Whoever sends `report_token`: 32 visible ASCII characters or more.
    Token(SecretString),
    /// Whom the operator's proxy has signed in.
    Proxy {
        /// `report_proxy_header`: where the proxy says who; in lower case, none that browsers send by themselves.
        header: String,
        /// `report_proxy_from`: where it asks from, beside this host; at most 64, none of them everywhere. Not empty
        /// where `listen` can be reached from other hosts.
        from: Vec<IpNet>,
    },
}
