package element

// Where somebody lives, pays, receives or sends from. An address is made of its
// parts; the parts stay to be looked at where it is incomplete.

func accountAddressRows() []row {
	return []row{
		{"account_address", "Account Address", entity, Address, Personal, detail, "1 main st, springfield, il, 62701, US", "The account's address as a whole, made of the parts below; empty without enough of them."},
		{"account_street", "Account Street", attribute, Text, Personal, detail, "1 Main St", "Street with house number."},
		{"account_unit", "Account Unit", attribute, Text, Personal, detail, "Apt 4", "Flat, suite or second line."},
		{"account_city", "Account City", attribute, Text, Personal, detail, "Springfield", "City or town."},
		{"account_region", "Account Region", attribute, Region, Personal, detail, "IL", "State or province."},
		{"account_postal_code", "Account Postal Code", attribute, Postal, Personal, detail, "62701", "ZIP or post code."},
		{"account_country", "Account Country", attribute, Country, Personal, detail, "US", "Country."},
		{"account_latitude", "Account Latitude", attribute, Latitude, Personal, detail, "39.8017", "Degrees north."},
		{"account_longitude", "Account Longitude", attribute, Longitude, Personal, detail, "-89.6436", "Degrees east."},
	}
}

func billingRows() []row {
	return []row{
		{"billing_name", "Billing Name", attribute, PersonName, Personal, detail, "Ann Example", "Who pays."},
		{"billing_email", "Billing Email", entity, Email, Personal, detail, "ann@example.com", "E-mail address of the payer."},
		{"billing_email_domain", "Billing Email Domain", attribute, Host, Public, detail, "example.com", "What stands behind the @ of Billing Email."},
		{"billing_phone", "Billing Phone", entity, Phone, Personal, detail, "+14155550101", "Phone number of the payer."},
		{"billing_phone_country", "Billing Phone Country", attribute, Country, Public, detail, "US", "Country of that number."},
		{"billing_phone_calling_code", "Billing Phone Calling Code", attribute, CallingCode, Public, detail, "+1", "The code of a country, where a form asks for it beside that number."},
		{"billing_address", "Billing Address", entity, Address, Personal, primary, "1 main st, springfield, il, 62701, US", "The payer's address as a whole, made of the parts below; empty without enough of them."},
		{"billing_street", "Billing Street", attribute, Text, Personal, detail, "1 Main St", "Street with house number."},
		{"billing_unit", "Billing Unit", attribute, Text, Personal, detail, "Apt 4", "Flat, suite or second line."},
		{"billing_city", "Billing City", attribute, Text, Personal, detail, "Springfield", "City or town."},
		{"billing_region", "Billing Region", attribute, Region, Personal, detail, "IL", "State or province."},
		{"billing_postal_code", "Billing Postal Code", attribute, Postal, Personal, detail, "62701", "ZIP or post code."},
		{"billing_country", "Billing Country", attribute, Country, Personal, detail, "US", "Country."},
		{"billing_latitude", "Billing Latitude", attribute, Latitude, Personal, detail, "39.8017", "Degrees north."},
		{"billing_longitude", "Billing Longitude", attribute, Longitude, Personal, detail, "-89.6436", "Degrees east."},
	}
}

func shippingRows() []row {
	return []row{
		{"shipping_name", "Shipping Name", attribute, PersonName, Personal, detail, "Ann Example", "Who receives."},
		{"shipping_phone", "Shipping Phone", entity, Phone, Personal, detail, "+14155550101", "Phone number for the delivery."},
		{"shipping_phone_country", "Shipping Phone Country", attribute, Country, Public, detail, "US", "Country of that number."},
		{"shipping_phone_calling_code", "Shipping Phone Calling Code", attribute, CallingCode, Public, detail, "+1", "The code of a country, where a form asks for it beside that number."},
		{"shipping_method", "Shipping Method", attribute, Identifier, Public, detail, "express", "How it is delivered."},
		{"shipping_carrier", "Shipping Carrier", attribute, Identifier, Public, detail, "ups", "Who delivers it."},
		{"shipping_address", "Shipping Address", entity, Address, Personal, primary, "1 main st, springfield, il, 62701, US", "The delivery's address as a whole, made of the parts below; empty without enough of them."},
		{"shipping_street", "Shipping Street", attribute, Text, Personal, detail, "1 Main St", "Street with house number."},
		{"shipping_unit", "Shipping Unit", attribute, Text, Personal, detail, "Apt 4", "Flat, suite or second line."},
		{"shipping_city", "Shipping City", attribute, Text, Personal, detail, "Springfield", "City or town."},
		{"shipping_region", "Shipping Region", attribute, Region, Personal, detail, "IL", "State or province."},
		{"shipping_postal_code", "Shipping Postal Code", attribute, Postal, Personal, detail, "62701", "ZIP or post code."},
		{"shipping_country", "Shipping Country", attribute, Country, Personal, detail, "US", "Country."},
		{"shipping_latitude", "Shipping Latitude", attribute, Latitude, Personal, detail, "39.8017", "Degrees north."},
		{"shipping_longitude", "Shipping Longitude", attribute, Longitude, Personal, detail, "-89.6436", "Degrees east."},
	}
}

func senderRows() []row {
	return []row{
		{"sender_name", "Sender Name", attribute, PersonName, Personal, detail, "Ann Example", "Who sends goods, money or a message."},
		{"sender_id", "Sender ID", entity, Identifier, Personal, detail, "U-311", "Key of the sender."},
		{"sender_email", "Sender Email", entity, Email, Personal, detail, "ann@example.com", "E-mail address of the sender."},
		{"sender_phone", "Sender Phone", entity, Phone, Personal, detail, "+14155550101", "Phone number of the sender."},
		{"sender_address", "Sender Address", entity, Address, Personal, detail, "1 main st, springfield, il, 62701, US", "The sender's address as a whole, made of the parts below; empty without enough of them."},
		{"sender_street", "Sender Street", attribute, Text, Personal, detail, "1 Main St", "Street with house number."},
		{"sender_unit", "Sender Unit", attribute, Text, Personal, detail, "Apt 4", "Flat, suite or second line."},
		{"sender_city", "Sender City", attribute, Text, Personal, detail, "Springfield", "City or town."},
		{"sender_region", "Sender Region", attribute, Region, Personal, detail, "IL", "State or province."},
		{"sender_postal_code", "Sender Postal Code", attribute, Postal, Personal, detail, "62701", "ZIP or post code."},
		{"sender_country", "Sender Country", attribute, Country, Personal, detail, "US", "Country."},
		{"sender_latitude", "Sender Latitude", attribute, Latitude, Personal, detail, "39.8017", "Degrees north."},
		{"sender_longitude", "Sender Longitude", attribute, Longitude, Personal, detail, "-89.6436", "Degrees east."},
	}
}

func recipientRows() []row {
	return []row{
		{"recipient_name", "Recipient Name", attribute, PersonName, Personal, detail, "Ben Example", "Who gets goods, money or a message."},
		{"recipient_id", "Recipient ID", entity, Identifier, Personal, detail, "U-312", "Key of the recipient."},
		{"recipient_email", "Recipient Email", entity, Email, Personal, detail, "ben@example.com", "E-mail address of the recipient."},
		{"recipient_phone", "Recipient Phone", entity, Phone, Personal, detail, "+14155550102", "Phone number of the recipient."},
		{"recipient_address", "Recipient Address", entity, Address, Personal, detail, "1 main st, springfield, il, 62701, US", "The recipient's address as a whole, made of the parts below; empty without enough of them."},
		{"recipient_street", "Recipient Street", attribute, Text, Personal, detail, "1 Main St", "Street with house number."},
		{"recipient_unit", "Recipient Unit", attribute, Text, Personal, detail, "Apt 4", "Flat, suite or second line."},
		{"recipient_city", "Recipient City", attribute, Text, Personal, detail, "Springfield", "City or town."},
		{"recipient_region", "Recipient Region", attribute, Region, Personal, detail, "IL", "State or province."},
		{"recipient_postal_code", "Recipient Postal Code", attribute, Postal, Personal, detail, "62701", "ZIP or post code."},
		{"recipient_country", "Recipient Country", attribute, Country, Personal, detail, "US", "Country."},
		{"recipient_latitude", "Recipient Latitude", attribute, Latitude, Personal, detail, "39.8017", "Degrees north."},
		{"recipient_longitude", "Recipient Longitude", attribute, Longitude, Personal, detail, "-89.6436", "Degrees east."},
	}
}
