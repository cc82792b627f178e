package element

// Who somebody is, and how they are reached.

func identityRows() []row {
	return []row{
		{"email", "Email", entity, Email, Personal, primary, "ann@example.com", "The visitor's e-mail address."},
		{"email_domain", "Email Domain", attribute, Host, Public, detail, "example.com", "What stands behind the @, in ASCII."},
		{"email_canonical", "Email, Canonical", entity, Email, Personal, detail, "annexample@gmail.com", "The mailbox behind dots, plus tags and alias domains, where the provider's rules are known."},
		{"email_disposable", "Email Disposable", attribute, Boolean, Public, detail, "true", "Set when the domain is one of throw-away addresses."},
		{"email_free", "Email Free", attribute, Boolean, Public, detail, "true", "Set when the domain gives addresses to anybody for nothing."},
		{"email_domain_age", "Email Domain Age", attribute, Integer, Public, detail, "12", "Days since the domain was registered, where a list says so."},
		{"email_domain_new", "Email Domain New", attribute, Boolean, Public, detail, "true", "Set when the domain was registered not long ago."},
		{"email_to", "Email To", entity, Email, Personal, detail, "ben@example.com", "An address that something is sent to: an invitation, a gift, a transfer."},
		{"email_to_domain", "Email To Domain", attribute, Host, Public, detail, "example.com", "What stands behind the @ of Email To."},
		{"username", "Username", entity, Identifier, Personal, primary, "ann", "The name an account signs in with."},
		{"customer_id", "Customer ID", entity, Identifier, Personal, primary, "C-1042", "The application's own key of a customer."},
		{"external_id", "External ID", entity, Identifier, Personal, detail, "crm-88120", "The key of the same person in another system."},
		{"given_name", "Given Name", attribute, PersonName, Personal, detail, "Ann", "First name."},
		{"family_name", "Family Name", attribute, PersonName, Personal, detail, "Example", "Last name."},
		{"display_name", "Display Name", attribute, Text, Personal, detail, "ann_the_great", "The name others see."},
		{"company_name", "Company Name", attribute, Text, Personal, detail, "Example Ltd", "The business somebody acts for."},
		{"job_title", "Job Title", attribute, Text, Personal, detail, "Buyer", "Position in the business."},
		{"birth_date", "Birth Date", attribute, BirthDate, Personal, detail, "1985-04-12", "Date of birth."},
		{"birth_year", "Birth Year", attribute, Year, Personal, detail, "1985", "Year of birth."},
		{"nationality", "Nationality", attribute, Country, Personal, detail, "DE", "Citizenship as stated."},
		{"gender", "Gender", attribute, Identifier, Personal, detail, "female", "As stated."},
	}
}

func accountRows() []row {
	return []row{
		{"account_id", "Account ID", entity, Identifier, Personal, primary, "A-20391", "The application's own key of an account."},
		{"account_name", "Account Name", attribute, PersonName, Personal, detail, "Ann Example", "Full name on the account."},
		{"account_type", "Account Type", attribute, Identifier, Public, detail, "business", "Kind of account or plan."},
		{"account_status", "Account Status", attribute, Identifier, Public, detail, "locked", "State the application gives."},
		{"account_created", "Account Created", attribute, Time, Public, detail, "2024-03-01T09:30:00Z", "When the account was opened."},
		{"account_balance", "Account Balance", attribute, Money, Personal, detail, "250.00", "Money or credit held."},
		{"account_role", "Account Role", attribute, Identifier, Public, detail, "admin", "Rights within the application."},
		{"account_verified", "Account Verified", attribute, Boolean, Public, detail, "true", "Whether the application has verified the owner."},
		{"organization_id", "Organization ID", entity, Identifier, Personal, detail, "org-77", "Tenant, team or company the account belongs to."},
		{"subscription_id", "Subscription ID", entity, Identifier, Personal, detail, "sub-3001", "A running subscription."},
		{"subscription_plan", "Subscription Plan", attribute, Identifier, Public, detail, "premium-monthly", "What is subscribed to."},
		{"invite_code", "Invite Code", attribute, Identifier, Public, detail, "INV-9Q2", "The invitation an account was opened with."},
		{"new_email", "New Email", entity, Email, Personal, primary, "ann.new@example.com", "The address that an account changes to."},
		{"new_email_domain", "New Email Domain", attribute, Host, Public, detail, "example.com", "What stands behind the @ of New Email."},
		{"new_phone", "New Phone", entity, Phone, Personal, primary, "+14155550103", "The number that an account changes to."},
		{"new_username", "New Username", entity, Identifier, Personal, detail, "ann2", "The username that an account changes to."},
		{"changed_field", "Changed Field", attribute, Identifier, Public, primary, "email", "Which setting of the account changes."},
		{"marketing_consent", "Marketing Consent", attribute, Boolean, Personal, detail, "false", "Whether mail is wanted."},
		{"terms_accepted", "Terms Accepted", attribute, Boolean, Public, detail, "true", "Whether the terms were agreed to."},
	}
}

func contactRows() []row {
	return []row{
		{"phone", "Phone", entity, Phone, Personal, primary, "+14155550101", "The visitor's phone number, E.164."},
		{"phone_country", "Phone Country", attribute, Country, Public, detail, "US", "Country of the number."},
		{"phone_calling_code", "Phone Calling Code", attribute, CallingCode, Public, detail, "+1", "The code of a country, where a form asks for it beside the number."},
		{"phone_type", "Phone Type", attribute, Identifier, Public, detail, "mobile", "What the numbering plan says: mobile, fixed_line, voip, toll_free, premium_rate and so on."},
		{"phone_digits", "Phone Digits", attribute, Identifier, Personal, detail, "4155550101", "The digits as they came, without formatting."},
		{"alt_phone", "Alt Phone", entity, Phone, Personal, detail, "+14155550102", "A second number."},
		{"alt_phone_country", "Alt Phone Country", attribute, Country, Public, detail, "US", "Country of the second number."},
		{"alt_phone_calling_code", "Alt Phone Calling Code", attribute, CallingCode, Public, detail, "+1", "The code of a country, where a form asks for it beside the second number."},
		{"alt_email", "Alt Email", entity, Email, Personal, detail, "ann@example.net", "A second e-mail address, for recovery for instance."},
		{"alt_email_domain", "Alt Email Domain", attribute, Host, Public, detail, "example.net", "What stands behind the @ of Alt Email."},
		{"contact_channel", "Contact Channel", attribute, Identifier, Public, detail, "sms", "How somebody wishes to be reached."},
		{"website", "Website", attribute, URL, Personal, detail, "https://ann.example.com/", "A page that somebody names as theirs."},
		{"social_handle", "Social Handle", entity, Identifier, Personal, detail, "@ann_example", "A name on a social network."},
	}
}

func documentRows() []row {
	return []row{
		{"ssn", "SSN", entity, SSN, Sensitive, detail, "123-45-6789", "US social security number."},
		{"ein", "EIN", entity, EIN, Sensitive, detail, "12-3456789", "US employer identification number."},
		{"tax_id", "Tax ID", entity, Secret, Sensitive, detail, "DE123456789", "A tax or VAT number of another country."},
		{"national_id", "National ID", entity, Secret, Sensitive, detail, "123456789012", "Number of a national identity card."},
		{"passport_number", "Passport Number", entity, Secret, Sensitive, detail, "C01X00T47", "Number of a passport."},
		{"driver_license", "Driver License", entity, Secret, Sensitive, detail, "D1234567", "Number of a driving licence."},
		{"document_type", "Document Type", attribute, Identifier, Public, primary, "passport", "What kind of document was shown."},
		{"document_country", "Document Country", attribute, Country, Public, detail, "DE", "Who issued it."},
		{"document_expiry", "Document Expiry", attribute, Date, Personal, detail, "2031-05-31", "Until when it is valid."},
		{"document_name", "Document File Name", attribute, Text, Personal, detail, "passport.jpg", "Name of an uploaded file."},
		{"document_digest", "Document Digest", entity, Identifier, Public, detail, "sha256:9f86d081884c7d65", "Digest of an uploaded file: the same file again."},
		{"document_size", "Document Size", attribute, Integer, Public, detail, "204800", "Bytes of an uploaded file."},
		{"kyc_status", "KYC Status", attribute, Identifier, Public, detail, "approved", "Result of an identity check."},
	}
}
