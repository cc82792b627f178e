package element

// Money, goods and what is done with them.

func paymentRows() []row {
	return []row{
		{"transaction_id", "Transaction ID", entity, Identifier, Public, detail, "tx-9001", "Key of a payment."},
		{"transaction_amount", "Transaction Amount", attribute, Money, Public, primary, "129.90", "What is paid; transaction highlights add it up."},
		{"currency", "Currency", attribute, Currency, Public, detail, "USD", "Currency of Transaction Amount."},
		{"transaction_type", "Transaction Type", attribute, Identifier, Public, detail, "purchase", "Purchase, transfer, top-up, withdrawal and so on."},
		{"transaction_status", "Transaction Status", attribute, Identifier, Public, detail, "authorized", "What became of it."},
		{"tax_amount", "Tax Amount", attribute, Money, Public, detail, "10.40", "Tax within the amount."},
		{"fee_amount", "Fee Amount", attribute, Money, Public, detail, "1.50", "Fee within the amount."},
		{"tip_amount", "Tip Amount", attribute, Money, Public, detail, "5.00", "Tip within the amount."},
		{"payment_method", "Payment Method", attribute, PaymentType, Public, detail, "credit_card", "What is paid with."},
		{"payment_provider", "Payment Provider", attribute, Identifier, Public, detail, "adyen", "Who carries the payment."},
		{"payment_token", "Payment Token", entity, Secret, Sensitive, detail, "tok_1NQ8example", "A provider's stand-in for a card or account."},
		{"payment_reference", "Payment Reference", attribute, Text, Personal, detail, "Invoice 2041", "Purpose written by the payer."},
		{"payment_from", "Payment From", entity, Secret, Sensitive, detail, "DE89 3704 ...", "Account that pays."},
		{"payment_from_account_id", "Payment From Account ID", entity, Identifier, Personal, detail, "acct-881", "The application's key of the account that pays."},
		{"payment_from_name", "Payment From Name", attribute, PersonName, Personal, detail, "Ann Example", "Owner of the account that pays."},
		{"payment_to", "Payment To", entity, Secret, Sensitive, detail, "DE89 3704 ...", "Account that is paid."},
		{"payment_to_account_id", "Payment To Account ID", entity, Identifier, Personal, detail, "acct-882", "The application's key of the account that is paid."},
		{"payment_to_name", "Payment To Name", attribute, PersonName, Personal, detail, "Ben Example", "Owner of the account that is paid."},
		{"payout_id", "Payout ID", entity, Identifier, Public, detail, "po-17", "Key of a payout."},
		{"payout_amount", "Payout Amount", attribute, Money, Public, primary, "480.00", "What is paid out."},
		{"payout_currency", "Payout Currency", attribute, Currency, Public, detail, "EUR", "Currency of Payout Amount."},
		{"wallet_id", "Wallet ID", entity, Identifier, Personal, detail, "w-5512", "A wallet within the application."},
		{"crypto_address", "Crypto Address", entity, Identifier, Personal, detail, "bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t4", "An address on a block chain."},
		{"installments", "Installments", attribute, Integer, Public, detail, "3", "In how many parts it is paid."},
		{"invoice_id", "Invoice ID", entity, Identifier, Public, detail, "INV-2041", "Key of an invoice."},
	}
}

func cardRows() []row {
	return []row{
		{"card_number", "Card Number", entity, Card, Sensitive, primary, "4111 1111 1111 1111", "Number of a payment card."},
		{"card_bin", "Card BIN", attribute, Identifier, Public, detail, "411111", "The first six digits: who issued it."},
		{"card_last4", "Card Last Four", attribute, Identifier, Public, primary, "1111", "The last four digits."},
		{"card_brand", "Card Brand", attribute, Identifier, Public, detail, "visa", "Scheme, told by the number."},
		{"card_expiry_month", "Card Expiry Month", attribute, Month, Personal, detail, "7", "Month it runs out."},
		{"card_expiry_year", "Card Expiry Year", attribute, Year, Personal, detail, "2029", "Year it runs out."},
		{"card_holder", "Card Holder", attribute, PersonName, Personal, detail, "Ann Example", "Name on the card."},
		{"card_country", "Card Country", attribute, Country, Public, detail, "US", "Country of the issuer."},
		{"card_issuer", "Card Issuer", attribute, Text, Public, detail, "Example Bank", "Bank that issued it."},
		{"card_funding", "Card Funding", attribute, Identifier, Public, detail, "prepaid", "Credit, debit or prepaid."},
		{"avs_result", "AVS Result", attribute, Identifier, Public, detail, "N", "Answer of the address check."},
		{"cvv_result", "CVV Result", attribute, Identifier, Public, detail, "M", "Answer of the security code's check; never the code."},
		{"three_ds_result", "3-D Secure Result", attribute, Identifier, Public, detail, "authenticated", "Answer of the issuer's own check."},
		{"decline_code", "Decline Code", attribute, Identifier, Public, primary, "insufficient_funds", "Why the issuer refused."},
	}
}

func bankRows() []row {
	return []row{
		{"iban", "IBAN", entity, IBAN, Sensitive, primary, "DE89 3704 0044 0532 0130 00", "International bank account number."},
		{"iban_country", "IBAN Country", attribute, Country, Public, detail, "DE", "Country of the account."},
		{"iban_last4", "IBAN Last Four", attribute, Identifier, Public, detail, "3000", "The last four characters."},
		{"bank_account", "Bank Account", entity, BankAccount, Sensitive, detail, "000123456789", "Account number in the national form."},
		{"bank_last4", "Bank Account Last Four", attribute, Identifier, Public, detail, "6789", "The last four characters."},
		{"bank_routing", "Bank Routing Number", attribute, RoutingNumber, Public, detail, "021000021", "US routing number (ABA)."},
		{"bank_bic", "BIC", attribute, BIC, Public, detail, "DEUTDEFF", "SWIFT code of the bank."},
		{"bank_name", "Bank Name", attribute, Text, Public, detail, "Example Bank", "Name of the bank."},
		{"bank_account_holder", "Bank Account Holder", attribute, PersonName, Personal, detail, "Ann Example", "Owner of the account."},
	}
}

func orderRows() []row {
	return []row{
		{"order_id", "Order ID", entity, Identifier, Public, primary, "O-5001", "Key of an order."},
		{"order_status", "Order Status", attribute, Identifier, Public, detail, "shipped", "State of the order."},
		{"order_date", "Order Date", attribute, Date, Public, detail, "2026-02-03", "When it was placed."},
		{"order_item_count", "Order Item Count", attribute, Integer, Public, detail, "3", "How many things it holds."},
		{"tracking_id", "Tracking ID", entity, Identifier, Public, detail, "1Z999", "Key of a parcel."},
		{"cart_id", "Cart ID", attribute, Identifier, Public, detail, "cart-7", "Key of a cart."},
		{"cart_amount", "Cart Amount", attribute, Money, Public, detail, "89.80", "What the cart is worth."},
		{"quantity", "Quantity", attribute, Integer, Public, detail, "2", "How many of one thing."},
		{"product_id", "Product ID", attribute, Identifier, Public, primary, "42", "Key of a product."},
		{"product_name", "Product Name", attribute, Text, Public, detail, "Trail Shoe", "Its name."},
		{"product_category", "Product Category", attribute, Text, Public, detail, "Shoes", "Its category."},
		{"product_brand", "Product Brand", attribute, Text, Public, detail, "Example", "Its maker."},
		{"product_price", "Product Price", attribute, Money, Public, detail, "44.90", "Price of one."},
		{"sku", "SKU", attribute, Identifier, Public, detail, "TS-42-BLU", "Stock-keeping unit."},
		{"gift_message", "Gift Message", attribute, Text, Personal, detail, "Happy birthday", "Text for the recipient."},
		{"gift_card_code", "Gift Card Code", entity, Secret, Credential, detail, "GC-1234-5678", "Code of a gift card: as good as money."},
		{"store_id", "Store ID", attribute, Identifier, Public, detail, "store-12", "Shop or pick-up place."},
		{"delivery_date", "Delivery Date", attribute, Date, Public, detail, "2026-02-09", "When it comes."},
		{"delivery_instructions", "Delivery Instructions", attribute, Text, Personal, detail, "Leave at the door", "Text for the carrier."},
	}
}

func refundRows() []row {
	return []row{
		{"refund_id", "Refund ID", entity, Identifier, Public, primary, "R-77", "Key of a refund."},
		{"refund_amount", "Refund Amount", attribute, Money, Public, primary, "59.00", "What is given back; transaction highlights add it up."},
		{"refund_currency", "Refund Currency", attribute, Currency, Public, detail, "USD", "Currency of Refund Amount."},
		{"refund_reason", "Refund Reason", attribute, Text, Public, detail, "item_not_received", "Why it is asked for."},
		{"refund_method", "Refund Method", attribute, PaymentType, Public, detail, "gift_card", "How it is given back."},
		{"refund_status", "Refund Status", attribute, Identifier, Public, detail, "approved", "What became of it."},
		{"return_id", "Return ID", entity, Identifier, Public, detail, "RMA-31", "Key of goods sent back."},
		{"return_tracking_id", "Return Tracking ID", entity, Identifier, Public, detail, "1Z998", "Key of the parcel sent back."},
		{"cancellation_reason", "Cancellation Reason", attribute, Text, Public, detail, "changed_mind", "Why an order is cancelled."},
	}
}

func chargebackRows() []row {
	return []row{
		{"chargeback_id", "Chargeback ID", entity, Identifier, Public, primary, "CB-12", "Key of a chargeback."},
		{"chargeback_amount", "Chargeback Amount", attribute, Money, Public, primary, "129.90", "What is disputed; transaction highlights add it up."},
		{"chargeback_currency", "Chargeback Currency", attribute, Currency, Public, detail, "USD", "Currency of Chargeback Amount."},
		{"chargeback_reason", "Chargeback Reason", attribute, Text, Public, detail, "10.4 fraud", "Reason code of the scheme."},
		{"chargeback_status", "Chargeback Status", attribute, Identifier, Public, detail, "lost", "State of the dispute."},
		{"dispute_id", "Dispute ID", entity, Identifier, Public, detail, "D-90", "Key of a dispute before it is a chargeback."},
	}
}

func loyaltyRows() []row {
	return []row{
		{"loyalty_id", "Loyalty ID", entity, Identifier, Personal, primary, "L-70012", "Number in a loyalty programme."},
		{"loyalty_tier", "Loyalty Tier", attribute, Identifier, Public, detail, "gold", "Standing in it."},
		{"loyalty_points", "Loyalty Points", attribute, Integer, Public, primary, "1200", "Points earned, moved or spent."},
		{"loyalty_balance", "Loyalty Balance", attribute, Integer, Personal, detail, "8400", "Points held."},
		{"promo_code", "Promo Code", attribute, Identifier, Public, primary, "WELCOME10", "A code redeemed."},
		{"promo_amount", "Promo Amount", attribute, Money, Public, detail, "10.00", "What the code is worth."},
		{"promo_campaign", "Promo Campaign", attribute, Text, Public, detail, "welcome", "What the code belongs to."},
		{"referral_code", "Referral Code", entity, Identifier, Public, detail, "ANN-5", "A code by which one user brings another."},
		{"referrer_id", "Referrer ID", entity, Identifier, Personal, detail, "C-1001", "Who brought this user."},
		{"bonus_type", "Bonus Type", attribute, Identifier, Public, detail, "deposit_match", "Kind of bonus."},
		{"voucher_id", "Voucher ID", entity, Identifier, Public, detail, "V-881", "Key of a voucher."},
	}
}

func supportRows() []row {
	return []row{
		{"ticket_id", "Ticket ID", attribute, Identifier, Public, detail, "T-12", "Key of a support case."},
		{"ticket_subject", "Ticket Subject", attribute, Text, Personal, primary, "Late parcel", "What it is about."},
		{"ticket_category", "Ticket Category", attribute, Identifier, Public, detail, "delivery", "Kind of case."},
		{"ticket_priority", "Ticket Priority", attribute, Identifier, Public, detail, "high", "How urgent it is."},
		{"agent_id", "Agent ID", entity, Identifier, Personal, detail, "agent-4", "Who works on it."},
		{"claim_id", "Claim ID", entity, Identifier, Public, detail, "CL-301", "Key of a claim."},
		{"claim_amount", "Claim Amount", attribute, Money, Public, detail, "300.00", "What is claimed."},
		{"claim_type", "Claim Type", attribute, Identifier, Public, detail, "damage", "Kind of claim."},
		{"conversation_id", "Conversation ID", attribute, Identifier, Public, detail, "conv-8", "Key of a chat."},
	}
}

func contentRows() []row {
	return []row{
		{"search_query", "Search Query", attribute, Text, Public, primary, "running shoes", "What was searched for."},
		{"search_filter", "Search Filter", attribute, Text, Public, detail, "size:42", "How it was narrowed."},
		{"message", "Message", attribute, Text, Personal, detail, "Where is my order?", "Text somebody wrote."},
		{"content_id", "Content ID", attribute, Identifier, Public, detail, "post-31", "Key of a post, video or page."},
		{"content_kind", "Content Kind", attribute, Identifier, Public, detail, "review", "Review, comment, post, upload and so on."},
		{"content_title", "Content Title", attribute, Text, Public, detail, "Great shoes", "Its title."},
		{"content_url", "Content Link", attribute, URL, Public, detail, "https://www.example.net/offer", "A link in it, without query."},
		{"content_domain", "Content Link Domain", attribute, Host, Public, detail, "example.net", "Registrable domain of that link."},
		{"review_score", "Review Score", attribute, Decimal, Public, detail, "4.5", "Stars given."},
		{"upload_name", "Upload File Name", attribute, Text, Personal, detail, "photo.jpg", "Name of an uploaded file."},
		{"upload_size", "Upload Size", attribute, Integer, Public, detail, "51200", "Its bytes."},
		{"upload_digest", "Upload Digest", entity, Identifier, Public, detail, "sha256:2c26b46b68ffc68f", "Its digest: the same file again."},
	}
}

func travelRows() []row {
	return []row{
		{"booking_id", "Booking ID", entity, Identifier, Personal, primary, "PNR-Q7X2", "Key of a booking."},
		{"passenger_name", "Passenger Name", attribute, PersonName, Personal, detail, "Ann Example", "Who travels."},
		{"passenger_count", "Passenger Count", attribute, Integer, Public, detail, "2", "How many travel."},
		{"frequent_flyer_id", "Frequent Flyer ID", entity, Identifier, Personal, detail, "FF-330011", "Number in a carrier's programme."},
		{"travel_from", "Travel From", attribute, Identifier, Public, detail, "SFO", "Where it begins."},
		{"travel_to", "Travel To", attribute, Identifier, Public, detail, "FRA", "Where it leads."},
		{"departure_date", "Departure Date", attribute, Date, Public, detail, "2026-07-01", "When it begins."},
		{"return_date", "Return Date", attribute, Date, Public, detail, "2026-07-14", "When it ends."},
		{"flight_number", "Flight Number", attribute, Identifier, Public, detail, "LH455", "Flight, train or ferry."},
		{"travel_class", "Travel Class", attribute, Identifier, Public, detail, "economy", "Class of travel."},
		{"hotel_id", "Hotel ID", attribute, Identifier, Public, detail, "H-12", "Key of a hotel."},
		{"admission_id", "Admission Ticket ID", entity, Identifier, Public, primary, "TK-90001", "Key of a ticket to a show or match."},
		{"admission_count", "Admission Ticket Count", attribute, Integer, Public, detail, "4", "How many tickets."},
		{"show_id", "Show ID", attribute, Identifier, Public, detail, "show-5", "Key of the show or match."},
		{"show_date", "Show Date", attribute, Date, Public, detail, "2026-09-12", "When it takes place."},
		{"seat", "Seat", attribute, Identifier, Public, detail, "B-14", "Where one sits."},
		{"resale_price", "Resale Price", attribute, Money, Public, detail, "240.00", "What a ticket is resold for."},
		{"transfer_to", "Ticket Transfer To", entity, Email, Personal, detail, "ben@example.com", "Who gets a ticket."},
	}
}

func marketplaceRows() []row {
	return []row{
		{"merchant_id", "Merchant ID", entity, Identifier, Public, detail, "M-3", "Key of a merchant."},
		{"merchant_name", "Merchant Name", attribute, Text, Public, detail, "Example Store", "Its name."},
		{"merchant_category", "Merchant Category", attribute, Identifier, Public, detail, "5732", "Category code of its business."},
		{"merchant_country", "Merchant Country", attribute, Country, Public, detail, "US", "Where it is."},
		{"merchant_url", "Merchant Website", attribute, URL, Public, detail, "https://store.example.com/", "Its page, without query."},
		{"seller_id", "Seller ID", entity, Identifier, Personal, primary, "S-9", "Key of a seller."},
		{"seller_name", "Seller Name", attribute, Text, Personal, detail, "ann_sells", "Name others see."},
		{"seller_rating", "Seller Rating", attribute, Decimal, Public, detail, "4.8", "What buyers think."},
		{"buyer_id", "Buyer ID", entity, Identifier, Personal, detail, "B-10", "Key of a buyer."},
		{"listing_id", "Listing ID", entity, Identifier, Public, primary, "LS-400", "Key of an offer."},
		{"listing_title", "Listing Title", attribute, Text, Public, detail, "Phone, as new", "Its title."},
		{"listing_price", "Listing Price", attribute, Money, Public, detail, "300.00", "Price asked."},
		{"listing_category", "Listing Category", attribute, Text, Public, detail, "Phones", "Its category."},
		{"bid_amount", "Bid Amount", attribute, Money, Public, detail, "280.00", "What is bid."},
		{"offer_id", "Offer ID", attribute, Identifier, Public, detail, "OF-2", "Key of a bid or offer."},
		{"commission_amount", "Commission Amount", attribute, Money, Public, detail, "12.00", "What the marketplace keeps."},
	}
}
