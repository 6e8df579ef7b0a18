//! `EXPOSE`: ports of the container, as Docker's own parser of ports takes them.

/// `80`, `443/tcp`, `8000-8003/udp` as the keys of `ExposedPorts`. A port of the host in front, as in `8080:80`, is
/// checked and says nothing.
///
/// # Errors
/// Docker's words for it.
pub(super) fn exposed(text: &str) -> Result<impl Iterator<Item = String>, String> {
    let (ports, protocol) = match text.split_once('/') {
        Some((ports, protocol)) if !protocol.is_empty() => (ports, protocol.to_lowercase()),
        Some((ports, _)) => (ports, "tcp".to_owned()),
        None => (text, "tcp".to_owned()),
    };
    let (host, ports) = match ports.rsplit_once(':') {
        Some((host, ports)) => (Some(host.rsplit_once(':').map_or(host, |(_, port)| port)), ports),
        None => (None, ports),
    };
    if ports.is_empty() {
        return Err(format!("No port specified: {text}<empty>"));
    }
    let (first, last) = range(ports).ok_or_else(|| format!("Invalid containerPort: {ports}"))?;
    if let Some(host) = host.filter(|host| !host.is_empty()) {
        range(host).ok_or_else(|| format!("Invalid hostPort: {host}"))?;
    }
    if !matches!(protocol.as_str(), "tcp" | "udp" | "sctp") {
        return Err(format!("Invalid proto: {protocol}"));
    }
    Ok((first..=last).map(move |port| format!("{port}/{protocol}")))
}

fn range(text: &str) -> Option<(u16, u16)> {
    let (first, last) = text.split_once('-').unwrap_or((text, text));
    let number = |text: &str| {
        let digits = !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
        digits.then(|| text.parse().ok()).flatten()
    };
    let (first, last) = (number(first)?, number(last)?);
    (first <= last).then_some((first, last))
}
