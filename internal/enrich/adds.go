package enrich

// Adds lists the Elements that enrichment can add to an Event, whichever data
// there are: for those who account for what is collected.
func Adds() []string {
	return []string{
		// Of the address.
		"country", "region", "city", "asn", "asn_owner", "network_kind", "latitude", "longitude",
		// Of the user agent.
		"user_agent", "browser", "browser_version", "os", "os_version", "device_class",
		// Of a program, and of what it shows to be who it is.
		"bot_name", "signature_agent", "bot_verified", "bot_proof", "bot_reason",
		// Of mapped e-mail addresses and cards.
		"email_domain_age", "email_domain_new", "card_country", "card_issuer", "card_funding",
	}
}
