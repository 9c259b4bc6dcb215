//! The standard variables, read once at start (OpenTelemetry specification, "Environment Variable Specification" and
//! "OpenTelemetry Protocol Exporter"). What this program does not do with them is refused, not ignored.

use std::sync::Arc;
use std::time::Duration;

use url::Url;

/// The specification's default.
const DEFAULT_TIMEOUT: Duration = Duration::from_secs(10);
/// The specification's default.
const DEFAULT_INTERVAL: Duration = Duration::from_mins(1);
/// Below this a collector would be kept busy by one process.
const MIN_INTERVAL: Duration = Duration::from_secs(1);
/// No export may take longer, whatever the variable says.
const MAX_TIMEOUT: Duration = Duration::from_mins(1);

/// What the variables ask for.
#[derive(Debug, Clone)]
pub struct OtlpSettings {
    /// Where spans go; none for nowhere.
    pub traces: Option<Target>,
    /// Where metrics go; none for nowhere.
    pub metrics: Option<Target>,
    /// `OTEL_METRIC_EXPORT_INTERVAL`: time between two exports of metrics.
    pub interval: Duration,
}

/// One endpoint.
#[derive(Clone)]
pub struct Target {
    /// Where to.
    pub url: Url,
    /// Sent along; they may hold credentials.
    pub headers: Vec<(String, String)>,
    /// Of one export.
    pub timeout: Duration,
}

impl std::fmt::Debug for Target {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // The headers' values and the URL's login are secrets.
        f.debug_struct("Target").field("host", &self.url.host_str()).finish_non_exhaustive()
    }
}

/// The variables cannot be used, or the exporter not be built.
#[derive(Debug, Clone, thiserror::Error)]
pub enum OtlpError {
    /// A variable.
    #[error("{name} {what}")]
    Variable {
        /// Its name.
        name: String,
        /// What is wrong with it; not its value, which may hold credentials.
        what: &'static str,
    },
    /// The HTTP client.
    #[error("the HTTP client for OTLP cannot be built")]
    Client(#[source] Arc<dyn std::error::Error + Send + Sync>),
    /// The exporter of spans.
    #[error("the exporter of traces cannot be built")]
    Exporter(#[source] Arc<dyn std::error::Error + Send + Sync>),
}

impl OtlpSettings {
    /// Reads the variables through `variable`; none where nothing is to be exported.
    pub fn read(variable: impl Fn(&str) -> Option<String>) -> Result<Option<Self>, OtlpError> {
        let set = |name: &str| variable(name).map(|text| text.trim().to_owned()).filter(|text| !text.is_empty());
        if set("OTEL_SDK_DISABLED").is_some_and(|text| text.eq_ignore_ascii_case("true")) {
            return Ok(None);
        }
        let traces = target(&set, "TRACES", "v1/traces")?;
        let metrics = target(&set, "METRICS", "v1/metrics")?;
        let interval = millis(&set, "OTEL_METRIC_EXPORT_INTERVAL")?.unwrap_or(DEFAULT_INTERVAL).max(MIN_INTERVAL);
        let anything = traces.is_some() || metrics.is_some();
        Ok(anything.then_some(Self { traces, metrics, interval }))
    }
}

/// The endpoint of one signal: its own, used as it is, or the common one with the signal's path behind it.
fn target(set: &impl Fn(&str) -> Option<String>, signal: &str, path: &str) -> Result<Option<Target>, OtlpError> {
    if set(&format!("OTEL_{signal}_EXPORTER")).is_some_and(|exporter| exporter == "none") {
        return Ok(None);
    }
    let (own, common) = (format!("OTEL_EXPORTER_OTLP_{signal}_ENDPOINT"), "OTEL_EXPORTER_OTLP_ENDPOINT");
    let (name, text) = match (set(&own), set(common)) {
        (Some(own_text), _) => (own.as_str(), own_text),
        (None, Some(text)) => (common, format!("{}/{path}", text.trim_end_matches('/'))),
        (None, None) => return Ok(None),
    };
    let refuse = |name: &str, what| Err(OtlpError::Variable { name: name.to_owned(), what });
    let Ok(url) = Url::parse(&text) else { return refuse(name, "is no URL") };
    if !matches!(url.scheme(), "http" | "https") || url.host_str().is_none() {
        return refuse(name, "is no http or https URL");
    }
    let either = |what: &str| {
        let own = format!("OTEL_EXPORTER_OTLP_{signal}_{what}");
        let common = format!("OTEL_EXPORTER_OTLP_{what}");
        set(&own).map(|text| (own, text)).or_else(|| set(&common).map(|text| (common, text)))
    };
    if let Some((name, protocol)) = either("PROTOCOL")
        && protocol != "http/protobuf"
    {
        return refuse(&name, "asks for a protocol other than http/protobuf, the only one this program speaks");
    }
    if let Some((name, compression)) = either("COMPRESSION")
        && compression != "none"
    {
        return refuse(&name, "asks for compression, which this program does not do");
    }
    let headers = match either("HEADERS") {
        Some((name, text)) => match headers(&text) {
            Some(headers) => headers,
            None => return refuse(&name, "is no list of key=value"),
        },
        None => Vec::new(),
    };
    let timeout = match either("TIMEOUT") {
        Some((name, _)) => millis(set, &name)?,
        None => None,
    };
    Ok(Some(Target { url, headers, timeout: timeout.unwrap_or(DEFAULT_TIMEOUT).min(MAX_TIMEOUT) }))
}

/// `key1=value1,key2=value2`, values percent-encoded where needed (W3C Baggage).
fn headers(text: &str) -> Option<Vec<(String, String)>> {
    let pairs = text.split(',').filter(|pair| !pair.trim().is_empty());
    pairs
        .map(|pair| {
            let (key, value) = pair.split_once('=')?;
            let (key, value) = (key.trim(), decoded(value.trim())?);
            let plain = |b: u8| b.is_ascii_graphic() || b == b' ';
            let named = !key.is_empty() && key.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_');
            (named && value.bytes().all(plain)).then(|| (key.to_owned(), value))
        })
        .collect()
}

fn decoded(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        if byte == b'%' {
            let digits = [rest.next()?, rest.next()?];
            bytes.push(u8::from_str_radix(std::str::from_utf8(&digits).ok()?, 16).ok()?);
        } else {
            bytes.push(byte);
        }
    }
    String::from_utf8(bytes).ok()
}

fn millis(set: &impl Fn(&str) -> Option<String>, name: &str) -> Result<Option<Duration>, OtlpError> {
    let Some(text) = set(name) else { return Ok(None) };
    match text.parse::<u64>() {
        Ok(millis) if millis > 0 => Ok(Some(Duration::from_millis(millis))),
        _ => Err(OtlpError::Variable { name: name.to_owned(), what: "is no number of milliseconds above 0" }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(variables: &[(&str, &str)]) -> Result<Option<OtlpSettings>, OtlpError> {
        let found = |name: &str| variables.iter().find(|(known, _)| *known == name).map(|(_, text)| (*text).to_owned());
        OtlpSettings::read(found)
    }

    #[test]
    fn nothing_is_exported_unless_an_endpoint_says_where_to() {
        const ENDPOINT: (&str, &str) = ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:4318");
        for (variables, traces, metrics) in [
            (&[][..], None, None),
            (&[("OTEL_SERVICE_NAME", "x")], None, None),
            (&[("OTEL_EXPORTER_OTLP_ENDPOINT", "")], None, None),
            (&[ENDPOINT], Some("/v1/traces"), Some("/v1/metrics")),
            (&[ENDPOINT, ("OTEL_SDK_DISABLED", "TRUE")], None, None),
            (&[ENDPOINT, ("OTEL_TRACES_EXPORTER", "none")], None, Some("/v1/metrics")),
            (&[("OTEL_EXPORTER_OTLP_ENDPOINT", "http://c/base/")], Some("/base/v1/traces"), Some("/base/v1/metrics")),
            (&[("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "http://c/own")], Some("/own"), None),
            (&[ENDPOINT, ("OTEL_EXPORTER_OTLP_METRICS_ENDPOINT", "http://c/m")], Some("/v1/traces"), Some("/m")),
        ] {
            let settings = read(variables).unwrap();
            let path = |target: Option<Target>| target.map(|target| target.url.path().to_owned());
            let found = settings.map_or((None, None), |settings| (path(settings.traces), path(settings.metrics)));
            assert_eq!(found, (traces.map(str::to_owned), metrics.map(str::to_owned)), "{variables:?}");
        }
    }

    #[test]
    fn headers_and_times_are_read_and_what_cannot_be_done_is_refused() {
        const ENDPOINT: (&str, &str) = ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:4318");
        let all = read(&[
            ENDPOINT,
            ("OTEL_EXPORTER_OTLP_HEADERS", "authorization=Bearer%20t, x-a=1"),
            ("OTEL_EXPORTER_OTLP_METRICS_HEADERS", "x-b=2"),
            ("OTEL_EXPORTER_OTLP_TIMEOUT", "1500"),
            ("OTEL_METRIC_EXPORT_INTERVAL", "5000"),
        ]);
        let all = all.unwrap().unwrap();
        let (traces, metrics) = (all.traces.unwrap(), all.metrics.unwrap());
        let pair = |key: &str, value: &str| (key.to_owned(), value.to_owned());
        assert_eq!(traces.headers, [pair("authorization", "Bearer t"), pair("x-a", "1")]);
        assert_eq!(metrics.headers, [pair("x-b", "2")]);
        assert_eq!((traces.timeout, all.interval), (Duration::from_millis(1_500), Duration::from_secs(5)));
        for (name, text) in [
            ("OTEL_EXPORTER_OTLP_ENDPOINT", "collector:4318"),
            ("OTEL_EXPORTER_OTLP_ENDPOINT", "ftp://collector"),
            ("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc"),
            ("OTEL_EXPORTER_OTLP_TRACES_COMPRESSION", "gzip"),
            ("OTEL_EXPORTER_OTLP_HEADERS", "secret-without-sign"),
            ("OTEL_EXPORTER_OTLP_HEADERS", "a=%zz"),
            ("OTEL_EXPORTER_OTLP_TIMEOUT", "soon"),
            ("OTEL_METRIC_EXPORT_INTERVAL", "0"),
        ] {
            let error = read(&[(name, text), ENDPOINT]).unwrap_err().to_string();
            assert!(error.starts_with(name) && !error.contains("secret"), "{name}={text}: {error}");
        }
    }
}
