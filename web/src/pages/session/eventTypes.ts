// The closed set of event types, in the order the engine lists them.
const names: Record<string, string> = {
  page_view: 'Page view', session_update: 'Session update', search: 'Search', product_view: 'Product view', account_create: 'Account create',
  authentication_attempt: 'Authentication attempt', mfa: 'MFA', password_reset: 'Password reset', logout: 'Logout', account_update: 'Account update',
  cart_update: 'Cart update', promo_redeem: 'Promo redeem', transaction: 'Transaction', refund_request: 'Refund request', cancellation: 'Cancellation',
  policy_change: 'Policy change', payout: 'Payout', support_contact: 'Support contact', chargeback: 'Chargeback', content: 'Content', other: 'Other',
};

export const typeName = (t: string) => names[t] ?? t;
