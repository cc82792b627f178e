package element

import (
	"errors"
	"strings"
	"sync"
)

// paymentTypes are the words in use, folded, with the type each is.
var paymentTypes = sync.OnceValue(func() map[string]string {
	m := map[string]string{}
	for kind, words := range map[string]string{
		"credit_card":   "creditcard card credit cc visa mastercard amex americanexpress discover dinersclub jcb unionpay paymentcard cardpayment scheme",
		"debit_card":    "debitcard debit maestro visadebit",
		"prepaid_card":  "prepaidcard prepaid",
		"checking":      "checking current checkingaccount currentaccount echeck",
		"savings":       "savings savingsaccount",
		"bank_transfer": "banktransfer wire wiretransfer transfer sepa sepacredittransfer iban ach achcredit pix fasterpayments interac trustly sofort klarnasofort ideal giropay eps bancontact openbanking",
		"direct_debit":  "directdebit sepadirectdebit sepadebit achdebit bacs lastschrift",
		"paypal":        "paypal paypalexpress venmo",
		"wallet":        "wallet applepay googlepay gpay samsungpay amazonpay alipay alipayplus wechatpay shoppay cashapp mpesa paytm upi",
		"pay_later":     "paylater bnpl klarna klarnapaylater afterpay clearpay affirm installments instalments financing",
		"gift_card":     "giftcard giftcertificate voucher storecredit",
		"points":        "points loyaltypoints rewards miles",
		"cash":          "cash cashondelivery cod",
		"check":         "check cheque personalcheck",
		"crypto":        "crypto cryptocurrency bitcoin btc ethereum eth usdt usdc",
		"invoice":       "invoice purchaseorder po billmelater",
		"other":         "other",
	} {
		for _, w := range strings.Fields(words) {
			m[w] = kind
		}
		m[strings.ReplaceAll(kind, "_", "")] = kind
	}
	return m
})

// paymentType reads what is paid with; a word not known is "other", for any shop
// may have its own.
func paymentType(s string) (string, error) {
	if len(s) > 64 {
		return "", errors.New("not a payment type")
	}
	word := strings.Map(func(r rune) rune {
		switch {
		case r >= 'A' && r <= 'Z':
			return r + 'a' - 'A'
		case r >= 'a' && r <= 'z' || r >= '0' && r <= '9' || r > 0x7f:
			return r
		}
		return -1
	}, s)
	if k, ok := paymentTypes()[word]; ok {
		return k, nil
	}
	return "other", nil
}
