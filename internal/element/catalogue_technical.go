package element

// What a request comes from, and what it and its answer say.

func networkRows() []row {
	return []row{
		{"ip", "IP Address", entity, IP, Personal, primary, "203.0.113.7", "Address of the client, always there."},
		{"ip_network", "IP Network", entity, Network, Personal, detail, "2001:db8:0:1::/64", "The /64 of an IPv6 address, which one connection usually has to itself."},
		{"ip_dns", "IP DNS Address", entity, IP, Personal, detail, "198.51.100.53", "Address of the visitor's name resolver, as a probe found it."},
		{"ip_hidden", "IP Hidden Address", entity, IP, Personal, detail, "192.0.2.44", "Address behind a proxy or VPN, as a header or probe told it."},
		{"ip_forwarded", "IP Forwarded Address", entity, IP, Personal, detail, "192.0.2.45", "Address that a forwarding header names."},
		{"asn", "AS Number", attribute, Integer, Public, detail, "64500", "Autonomous system of the client's address."},
		{"asn_owner", "Network Owner", attribute, Text, Public, detail, "Example Net", "Who runs that network."},
		{"network_kind", "Network Kind", attribute, Identifier, Public, detail, "hosting", "Hosting, mobile, residential, proxy, vpn or tor."},
		{"country", "Country", attribute, Country, Public, primary, "US", "Country of the client's address."},
		{"region", "Region", attribute, Text, Public, detail, "California", "Region of the client's address."},
		{"city", "City", attribute, Text, Public, detail, "San Francisco", "City of the client's address."},
		{"latitude", "Latitude", attribute, Decimal, Public, detail, "37.77", "Degrees north of the client's address."},
		{"longitude", "Longitude", attribute, Decimal, Public, detail, "-122.42", "Degrees east of the client's address."},
		{"tls_version", "TLS Version", attribute, Identifier, Public, detail, "1.3", "Version of the client's connection."},
		{"tls_cipher", "TLS Cipher", attribute, Identifier, Public, detail, "TLS_AES_128_GCM_SHA256", "Cipher of the client's connection."},
		{"http_version", "HTTP Version", attribute, Identifier, Public, detail, "2", "Version the client speaks."},
	}
}

func deviceRows() []row {
	return []row{
		{"device_fingerprint", "Device Fingerprint", entity, Identifier, Personal, detail, "d41d8cd9", "A fingerprint of a class of devices; many people share one."},
		{"device_id", "Device ID", entity, Identifier, Personal, detail, "9b2f6c1e-77aa-4c53-9d1e-0b1f5ad3c111", "The key that an app or page gave the device."},
		{"tls_fingerprint", "TLS Fingerprint", attribute, Identifier, Public, detail, "t13d1516h2_8daaf6152771_02713d6af862", "Fingerprint of the TLS greeting; many devices share one."},
		{"tls_ja3", "JA3", attribute, Identifier, Public, detail, "ada70206e40642a3e4461f35503241d5", "JA3 of the TLS greeting."},
		{"tls_hash", "TLS Hash", attribute, Identifier, Public, detail, "s13_79dc61c9f997b7c0", "Hash of the TLS greeting that resumption keeps."},
		{"http2_fingerprint", "HTTP/2 Fingerprint", attribute, Text, Public, detail, "1:65536;2:0;4:6291456;6:262144|15663105|0|m,a,s,p", "How the client opens HTTP/2."},
		{"tcp_signature", "TCP Signature", attribute, Text, Public, detail, "4:64:64240:1460:7:mss,sok,ts,nop,ws:df,id+", "The first packet of the client's system."},
		{"header_order", "Header Order", attribute, Identifier, Public, detail, "h1n13_ddffeff8de8c", "Order and case of the client's header names."},
		{"client_profile", "Client Profile", attribute, Identifier, Public, detail, "4b09758d2080", "Hash of what the client accepts and of its hints."},
		{"client_doubt", "Client Doubt", attribute, Text, Public, detail, "user agent says Chromium, TLS is that of Go", "Why the client may not be what it says."},
		{"user_agent", "User Agent", attribute, UserAgent, Public, detail, "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/130.0.0.0 Safari/537.36", "What the client calls itself."},
		{"browser", "Browser", attribute, Text, Public, primary, "Chrome 130", "Browser and major version."},
		{"browser_version", "Browser Version", attribute, Identifier, Public, detail, "130.0.6723", "Full version of the browser."},
		{"os", "Operating System", attribute, Text, Public, detail, "Windows", "Operating system."},
		{"os_version", "OS Version", attribute, Identifier, Public, detail, "17.5", "Version of the operating system."},
		{"device_class", "Device Class", attribute, Text, Public, detail, "desktop", "Desktop, mobile, tablet, tv, console, bot or tool."},
		{"device_model", "Device Model", attribute, Text, Public, detail, "Pixel 9", "Model as the client tells it."},
		{"app_version", "App Version", attribute, Identifier, Public, detail, "5.12.0", "Version of the visitor's app."},
		{"bot_name", "Bot Name", attribute, Identifier, Public, primary, "googlebot", "Name of a crawler."},
		{"bot_verified", "Bot Verified", attribute, Identifier, Public, primary, "impostor", "Verified, impostor or unknown: whether a crawler is who it says it is."},
		{"bot_proof", "Bot Proof", attribute, Identifier, Public, detail, "dns", "By what that was told: dns, ranges or signature."},
		{"bot_reason", "Bot Reason", attribute, Identifier, Public, detail, "replayed", "Why a signature does not prove it: unreadable, unknown_key, forged, coverage, early, expired or replayed."},
		{"signature_agent", "Signature Agent", attribute, Host, Public, detail, "bot.example.com", "Who runs a program that signs its requests (Web Bot Auth)."},
		{"language", "Language", attribute, Language, Public, detail, "en-US", "The language preferred, of a setting or of Accept-Language."},
		{"timezone", "Time Zone", attribute, Identifier, Public, detail, "Europe/Berlin", "Time zone of the device."},
		{"screen_size", "Screen Size", attribute, Identifier, Public, detail, "1920x1080", "Width and height in pixels."},
		{"gps_position", "GPS Position", attribute, GeoPoint, Personal, detail, "37.7749,-122.4194", "Where the device says it is."},
		{"gps_latitude", "GPS Latitude", attribute, Latitude, Personal, detail, "37.7749", "Degrees north."},
		{"gps_longitude", "GPS Longitude", attribute, Longitude, Personal, detail, "-122.4194", "Degrees east."},
		{"push_token", "Push Token", entity, Secret, Credential, detail, "fcm-token-of-a-device", "Address of the device for messages."},
	}
}

func sessionRows() []row {
	return []row{
		{"origin_session", "Origin Session", entity, Secret, Credential, detail, "f3a9c0d1e2b4", "The application's own session key."},
		{"csrf_token", "CSRF Token", attribute, Secret, Credential, detail, "c-81f0aa", "The token of a form."},
		{"landing_url", "Landing URL", attribute, URL, Public, detail, "https://www.example.com/sale", "Where the visit began, without query."},
		{"campaign", "Campaign", attribute, Text, Public, detail, "spring_sale", "Campaign that led here."},
		{"campaign_source", "Campaign Source", attribute, Text, Public, detail, "newsletter", "Where the campaign ran."},
		{"campaign_medium", "Campaign Medium", attribute, Text, Public, detail, "email", "By what it came."},
		{"affiliate_id", "Affiliate ID", entity, Identifier, Public, detail, "aff-12", "Who is paid for the visit."},
		{"experiment", "Experiment", attribute, Identifier, Public, detail, "checkout-b", "Variant of a test."},
	}
}

func authenticationRows() []row {
	return []row{
		{"login_result", "Login Result", attribute, Identifier, Public, detail, "bad_password", "What became of it."},
		{"login_method", "Login Method", attribute, Identifier, Public, primary, "password", "Password, passkey, magic link, social and so on."},
		{"identity_provider", "Identity Provider", attribute, Identifier, Public, detail, "google", "Who vouched."},
		{"mfa_method", "MFA Method", attribute, Identifier, Public, detail, "totp", "Second factor."},
		{"mfa_result", "MFA Result", attribute, Identifier, Public, detail, "accepted", "What became of the second factor."},
		{"password", "Password", attribute, Secret, Credential, detail, "correct horse", "A password; only its keyed hash, so that the same one is seen tried on many accounts."},
		{"new_password", "New Password", attribute, Secret, Credential, detail, "battery staple", "A password to be set."},
		{"one_time_code", "One-Time Code", attribute, Secret, Credential, detail, "493021", "A code sent to somebody."},
		{"reset_token", "Reset Token", attribute, Secret, Credential, detail, "r-0193af", "The token of a reset link."},
		{"access_token", "Access Token", attribute, Secret, Credential, detail, "eyJhbGciOi", "A bearer token."},
		{"refresh_token", "Refresh Token", attribute, Secret, Credential, detail, "rt-77de01", "A token that gets others."},
		{"api_key", "API Key", entity, Secret, Credential, detail, "key-live-1f0c", "Key of an API's client."},
		{"oauth_client_id", "OAuth Client ID", entity, Identifier, Public, detail, "web-shop", "Which client asks."},
		{"oauth_scope", "OAuth Scope", attribute, Text, Public, detail, "openid profile", "What it asks for."},
		{"token_subject", "Token Subject", entity, Identifier, Personal, detail, "auth0|5f7c8ec7", "sub of a token; unverified."},
		{"token_issuer", "Token Issuer", attribute, Text, Public, detail, "https://id.example.com/", "iss of a token; unverified."},
		{"security_question", "Security Question", attribute, Text, Personal, detail, "First pet?", "Which question was put; never the answer."},
		{"remember_me", "Remember Me", attribute, Boolean, Public, detail, "true", "Whether the visitor wishes to stay signed in."},
		{"captcha_result", "Captcha Result", attribute, Identifier, Public, detail, "passed", "What became of a captcha."},
	}
}

func apiRows() []row {
	return []row{
		{"graphql_operation", "GraphQL Operation", attribute, Identifier, Public, primary, "PlaceOrder", "Name of the operation."},
		{"graphql_type", "GraphQL Type", attribute, Identifier, Public, detail, "mutation", "Query, mutation or subscription."},
		{"graphql_hash", "GraphQL Query Hash", attribute, Identifier, Public, detail, "ecf4edb46db40b5132295c0291d62fb6", "Hash of a persisted query."},
		{"graphql_errors", "GraphQL Errors", attribute, Text, Public, detail, "UNAUTHENTICATED", "What the answer says went wrong."},
		{"rpc_service", "RPC Service", attribute, Identifier, Public, detail, "shop.v1.Cart", "gRPC or SOAP service."},
		{"rpc_method", "RPC Method", attribute, Identifier, Public, primary, "AddItem", "gRPC method or SOAP action."},
		{"rpc_status", "RPC Status", attribute, Identifier, Public, detail, "7", "grpc-status or SOAP fault code."},
		{"api_version", "API Version", attribute, Identifier, Public, detail, "2024-10-01", "Version the client asks for."},
		{"request_id", "Request ID", attribute, Identifier, Public, detail, "01J9Z3", "Key of the request in the application's logs."},
		{"idempotency_key", "Idempotency Key", attribute, Identifier, Public, detail, "5f7c8ec7-33", "Key by which a request counts once."},
	}
}

func requestRows() []row {
	return []row{
		{"url_path", "Path", attribute, Path, Public, primary, "/products/42", "Path of the request, without query."},
		{"http_method", "Method", attribute, Identifier, Public, detail, "GET", "Method of the request."},
		{"host", "Host", attribute, Host, Public, detail, "www.example.com", "Host of the request."},
		{"referrer_url", "Referrer", attribute, URL, Public, detail, "https://www.example.com/search", "The page that led here, without query."},
		{"referrer_host", "Referrer Host", attribute, Host, Public, detail, "www.example.com", "Its host."},
		{"referrer_domain", "Referrer Domain", attribute, Host, Public, detail, "example.com", "Its registrable domain."},
		{"content_type", "Content Type", attribute, Identifier, Public, detail, "application/json", "Media type of the request's body."},
		{"content_length", "Content Length", attribute, Integer, Public, detail, "512", "Bytes of the request's body."},
		{"form_name", "Form Name", attribute, Identifier, Public, detail, "checkout", "Which form was sent."},
	}
}

func responseRows() []row {
	return []row{
		{"response_status", "Response Status", attribute, Integer, Public, primary, "200", "Status of the answer."},
		{"response_title", "Response Title", attribute, Text, Public, detail, "Sign in", "Title of the page that was answered."},
		{"response_type", "Response Type", attribute, Identifier, Public, detail, "text/html", "Media type of the answer."},
		{"response_size", "Response Size", attribute, Integer, Public, detail, "20480", "Bytes of the answer's body."},
		{"redirect_url", "Redirect URL", attribute, URL, Public, detail, "https://www.example.com/account", "Where the answer leads, without query."},
		{"failure_reason", "Failure Reason", attribute, Text, Public, primary, "card_declined", "Why it failed, as the answer says."},
		{"error_code", "Error Code", attribute, Identifier, Public, detail, "E1042", "The application's own code of a failure."},
		{"result_count", "Result Count", attribute, Integer, Public, detail, "24", "How many results a search gave."},
		{"retry_after", "Retry After", attribute, Integer, Public, detail, "60", "Seconds that the answer asks to wait."},
	}
}

// computedRows are filled by Throughline itself, and searched like all others.
func computedRows() []row {
	return []row{
		{"event_name", "Event Name", attribute, Identifier, Public, detail, "Login through Form", "Name of the Spec that made the Event."},
		{"event_type", "Event Type", attribute, EventType, Public, detail, "authentication_attempt", "One of the closed set of event types."},
		{"session_id", "Session ID", attribute, Identifier, Public, detail, "914793674309632", "Key of the Session."},
		{"spec_id", "Spec ID", attribute, Identifier, Public, detail, "914793674309631", "Key that links Sessions of one actor over time."},
		{"session_risk_rating", "Session Risk Rating", attribute, RiskRating, Public, detail, "Malicious Session", "Normal, Suspicious or Malicious Session."},
	}
}
