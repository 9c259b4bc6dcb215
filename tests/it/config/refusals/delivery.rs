//! What `[email]`, `[[webhook]]`, `[http]` and `[suppression]` refuse.

use super::Refused;

pub const REFUSED: &[Refused] = &[
    ("email", "url = \"file:///tmp/x\"", &["r.toml:9:2: [email] from: is missing; add from = "]),
    (
        "email",
        "url = \"http://{P}\"\nfrom = \"a@b.example\"",
        &["[email] url: the scheme of the URL is not supported; write smtp://"],
    ),
    (
        "email",
        "url = \"smtps://h\"\nfrom = \"{P}\"",
        &["r.toml:11:1: [email] from: not a mailbox; write \"Name <local@domain>\""],
    ),
    ("email", "url = \"smtps://h\"\nfrom = \"A <a@b.example> {P}\"", &["[email] from: not a mailbox"]),
    ("email", "url = \"smtps://h\"\nfrom = \"a@b.example {P}\"", &["[email] from: not a mailbox"]),
    ("email", "url = \"smtps://h\"\nfrom = \"<a@b.example>, <c@d.example>\"", &["[email] from: not a mailbox"]),
    ("email", "url = \"smtps://h\"\nfrom = \"a@b.example, c@d.example\"", &["[email] from: not a mailbox"]),
    ("email", "url = \"smtps://h\"\nfrom = \"a@b.example\"\nreply_to = \"{P}\"", &["[email] reply_to: not a mailbox"]),
    ("email", "url = \"smtp://\"\nfrom = \"a@b.example\"", &["[email] url: "]),
    (
        "[webhook]",
        "name = \"a b {P}\"",
        &[
            "[[webhook]] name: not a usable name; use a-z",
            "[[webhook]] url: is missing",
            "secret: is missing; add secret = \"whsec_…\" or secret_file, or set RECONNECTD__WEBHOOK__0__SECRET",
        ],
    ),
    ("[webhook]", "secret = \"{P}\"", &["[[webhook]] secret: not a signing secret; write whsec_"]),
    (
        "[webhook]",
        "url = \"http://{P}.example.com\"",
        &["[[webhook]] url: would be posted in clear; use https, or set allow_private"],
    ),
    ("[webhook]", "url = \"ftp://{P}\"", &["[[webhook]] url: the scheme of the URL is not supported"]),
    // templates and List-Id
    (
        "email",
        "templates = \"/nowhere/{P}\"",
        &["r.toml:10:1: [email] templates: names no directory that can be read (entity not found); \
             give a directory that this user can read, or leave the key out"],
    ),
    ("email", "templates = \"Cargo.toml\"", &["[email] templates: is not a directory; give a directory"]),
    ("email", "templates = \"\"", &["[email] templates: names no directory"]),
    (
        "email",
        "list_id = \"{P}\"",
        &["[email] list_id: not a list identifier; write letters, digits and - in words joined by dots, such as"],
    ),
    ("email", "list_id = \"a.b\\r\\nBcc: c@d.example\"", &["[email] list_id: not a list identifier"]),
    ("email", "list_id = \"<a.example>\"", &["[email] list_id: not a list identifier"]),
    ("email", "list_id = \"a..example\"", &["[email] list_id: not a list identifier"]),
    ("email", "list_id = \"a.example.\"", &["[email] list_id: not a list identifier"]),
    ("email", "list_id = \"reconnexión.example\"", &["[email] list_id: not a list identifier"]),
    // the report by mail: which address it is, and never the address
    ("report", "mail_to = []", &["[report] mail_to: is empty; name one address at least, or leave the key out"]),
    (
        "report",
        "mail_to = [\"a@b.example\", \"Mary {P} <c@d.example>\"]",
        &["r.toml:10:1: [report] mail_to: address 2 of the list is none; write local@domain alone"],
    ),
    ("report", "mail_to = [\"{P}\"]", &["[report] mail_to: address 1 of the list is none"]),
    ("report", "mail_to = [\"a@b.example\\r\\nBcc: {P}@x\"]", &["[report] mail_to: address 1 of the list is none"]),
    (
        "report",
        "mail_to = [\"{P}@b.example\", \"x@b.example\", \"{P}@B.example\"]",
        &["[report] mail_to: address 3 of the list is there twice; name each address once"],
    ),
    (
        "report",
        "mail_to = [\"{P}@b.example\"]",
        &["[report] mail_to: there is no [email] to send it with; add [email] with url and from, or leave the key out"],
    ),
    (
        "report",
        "mail_to = [\"1@b.c\",\"2@b.c\",\"3@b.c\",\"4@b.c\",\"5@b.c\",\"6@b.c\",\"7@b.c\",\"8@b.c\",\"9@b.c\",\"10@b.c\",\
         \"11@b.c\",\"12@b.c\",\"13@b.c\",\"14@b.c\",\"15@b.c\",\"16@b.c\",\"17@b.c\",\"18@b.c\",\"19@b.c\",\"20@b.c\",\
         \"21@b.c\"]",
        &["[report] mail_to: names too many addresses; keep at most 20, or name a mailing list"],
    ),
    // rates
    ("email", "max_per_minute = 0", &["[email] max_per_minute: out of range; set a whole number from 1 to 100000"]),
    ("email", "max_per_minute = 100001", &["[email] max_per_minute: out of range"]),
    ("email", "max_per_minute = \"{P}\"", &["[email] max_per_minute: expected an integer, found string"]),
    ("email", "max_per_domain_per_minute = 0", &["max_per_domain_per_minute: out of range; set a whole number from 1"]),
    ("email", "max_per_domain_per_minute = 100001", &["[email] max_per_domain_per_minute: out of range"]),
    ("email", "ramp_up_from = 0", &["[email] ramp_up_from: out of range; set a whole number from 1 to 100000"]),
    ("email", "ramp_up_from = 100001", &["[email] ramp_up_from: out of range"]),
    // events
    (
        "[webhook]",
        "events = []",
        &["[[webhook]] events: is empty; name one event at least, or leave the key out for all"],
    ),
    (
        "[webhook]",
        "events = [\"{P}\"]",
        &["[[webhook]] events: not a known word; write \"reconnect.requested\" or \"reconnect.recovered\" or \
             \"storm.held\" or \"channel.stopped\" or \"endpoint.disabled\" or \"key.refused\" or \"connect.refused\" or \"report.ready\""],
    ),
    (
        "[webhook]",
        "events = [\"storm.held\", \"storm.held\"]",
        &["[[webhook]] events: names an event twice; name each"],
    ),
    (
        "[webhook]",
        "events = [\"storm.held\", true]",
        &["r.toml:10:1: [[webhook]] events: expected a list of strings, found boolean in it"],
    ),
    // more secrets
    ("[webhook]", "secret_previous = \"{P}\"", &["[[webhook]] secret_previous: not a signing secret; write whsec_"]),
    ("[webhook]", "secret_previous = \"\"", &["[[webhook]] secret_previous: is empty; set it, or give a file with"]),
    (
        "[webhook]",
        "secret_previous = \"{P}\"\nsecret_previous_file = \"/nowhere\"",
        &["r.toml:11:1: [[webhook]] secret_previous_file: given beside secret_previous; keep one of"],
    ),
    (
        "[webhook]",
        "signing_key = \"{P}\"",
        &["r.toml:10:1: [[webhook]] signing_key: not a signing key; write whsk_ and the base64 of 32 random bytes"],
    ),
    ("[webhook]", "signing_key = \"whsk_{P}\"", &["[[webhook]] signing_key: not a signing key"]),
    // the base64 of 31 and of 33 bytes
    ("[webhook]", "signing_key = \"whsk_AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHg==\"", &["not a signing key"]),
    ("[webhook]", "signing_key = \"whsk_AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8g\"", &["not a signing key"]),
    (
        "[webhook]",
        "signing_key_file = \"/nowhere\"",
        &["[[webhook]] signing_key_file: the file /nowhere cannot be read (entity not found); give the path"],
    ),
    (
        "[webhook]",
        "disable_after = \"{P}\"",
        &["[[webhook]] disable_after: not a length of time; write a number and a unit, such as \"5d\", from 1h to 30d"],
    ),
    ("[webhook]", "disable_after = \"59m\"", &["[[webhook]] disable_after: out of range"]),
    ("[webhook]", "disable_after = \"31d\"", &["[[webhook]] disable_after: out of range"]),
    // the listener
    (
        "http",
        "listen = \"{P}\"",
        &["[http] listen: not an address to listen on; write an IP address and a port, such as 127.0.0.1:8480"],
    ),
    ("http", "listen = \"localhost:8480\"", &["[http] listen: not an address to listen on"]),
    ("http", "listen = \"127.0.0.1:99999\"", &["[http] listen: not an address to listen on"]),
    ("http", "listen = \"127.0.0.1\"", &["[http] listen: not an address to listen on"]),
    ("http", "listen = 8480", &["[http] listen: expected a string, found integer"]),
    (
        "http",
        "public_url = \"http://{P}.example\"",
        &["[http] public_url: would send who unsubscribes in clear; use https (http is allowed for a loopback host)"],
    ),
    ("http", "public_url = \"https://u:{P}@h.example\"", &["[http] public_url: holds a user or password"]),
    ("http", "public_url = \"https://h.example/?x={P}\"", &["[http] public_url: has a query or a fragment; end it"]),
    ("http", "public_url = \"https://h.example/#{P}\"", &["[http] public_url: has a query or a fragment"]),
    ("http", "public_url = \"{P}\"", &["[http] public_url: not a URL"]),
    ("http", "public_url = \"ftp://{P}\"", &["[http] public_url: the scheme of the URL is not supported"]),
    // the report's readers
    ("http", "report_auth = \"{P}\"", &["[http] report_auth: not a known word; write \"off\""]),
    (
        "http",
        "report_auth = \"token\"",
        &["[http] report_token: is missing; add report_token = \"…\" or report_token_file"],
    ),
    ("http", "report_token = \"{P}\"", &["[http] report_token: is too short; use at least 32"]),
    (
        "http",
        "report_token = \"{P} {P} {P}\"",
        &["[http] report_token: holds a character no header carries; use letters and digits"],
    ),
    (
        "http",
        "report_auth = \"proxy\"\nlisten = \"0.0.0.0:8480\"",
        &["[http] report_auth: would believe whoever reaches the port; list the proxy's addresses in \
             report_proxy_from, or listen on 127.0.0.1"],
    ),
    ("http", "report_auth = \"proxy\"\nlisten = \"[::]:8480\"", &["[http] report_auth: would believe whoever"]),
    ("http", "report_proxy_from = []", &["[http] report_proxy_from: is empty; list the proxy's addresses"]),
    ("http", "report_proxy_from = [\"{P}\"]", &["[http] report_proxy_from: holds what is no address or network"]),
    ("http", "report_proxy_from = [\"10.0.0.0/33\"]", &["[http] report_proxy_from: holds what is no address"]),
    ("http", "report_proxy_from = [\"10.0.0.7\", \"0.0.0.0/0\"]", &["[http] report_proxy_from: lets in everybody"]),
    ("http", "trusted_proxies = [\"{P}\"]", &["[http] trusted_proxies: holds what is no address or network"]),
    ("http", "trusted_proxies = [\"0.0.0.0/0\"]", &["[http] trusted_proxies: believes everybody"]),
    ("http", "report_proxy_from = [\"::/0\"]", &["[http] report_proxy_from: lets in everybody"]),
    ("http", "report_proxy_header = \"{P} {P}\"", &["[http] report_proxy_header: not the name of a header"]),
    (
        "http",
        "report_proxy_header = \"User-Agent\"",
        &["[http] report_proxy_header: is a header that clients send themselves; name the header your proxy sets"],
    ),
    ("http", "report_proxy_header = \"X-Forwarded-For\"", &["[http] report_proxy_header: is a header that clients"]),
    // what hides addresses
    (
        "suppression",
        "key = \"{P}\"",
        &["r.toml:10:1: [suppression] key: is too short; use at least 32 random characters: openssl rand -base64 32"],
    ),
    ("suppression", "key = \"{P}thirteenchars\"", &["[suppression] key: is too short"]),
    ("suppression", "key = \"\"", &["[suppression] key: is empty; set it, or give a file with key_file"]),
    ("suppression", "key_file = \"/nowhere\"", &["[suppression] key_file: the file /nowhere cannot be read"]),
    ("suppression", "kye = \"{P}\"", &["[suppression]: unknown key kye; did you mean key?"]),
];
