/** Names that people trust, and the hosts that they belong to, with all hosts below them; `*` is any host. */
export type Brands = Readonly<Record<string, readonly string[]>>

const amazon = ['amazon.com', 'amazonaws.com', 'amazon.dev']
const apple = ['apple.com', 'icloud.com']
const google = ['google.com', 'googleapis.com', 'gmail.com', 'youtube.com', 'cloud.google']
const meta = ['facebook.com', 'meta.com', 'whatsapp.com', 'instagram.com']
const microsoft = ['microsoft.com', 'live.com', 'office.com', 'outlook.com', 'azure.com', 'cloud.microsoft']
const openAi = ['openai.com', 'chatgpt.com']

/** The brands that are known without a setting. */
export const defaultBrands: Brands = {
  Amazon: amazon,
  Anthropic: ['anthropic.com', 'claude.ai', 'claude.com'],
  Apple: apple,
  ChatGPT: openAi,
  Dropbox: ['dropbox.com'],
  Facebook: meta,
  GitHub: ['github.com', 'githubusercontent.com'],
  GitLab: ['gitlab.com'],
  Gmail: google,
  Google: google,
  iCloud: apple,
  Instagram: meta,
  LinkedIn: ['linkedin.com'],
  Mastercard: ['mastercard.com'],
  Microsoft: microsoft,
  Netflix: ['netflix.com'],
  'Office 365': microsoft,
  OpenAI: openAi,
  Outlook: microsoft,
  PayPal: ['paypal.com'],
  Salesforce: ['salesforce.com', 'force.com'],
  Slack: ['slack.com'],
  Stripe: ['stripe.com'],
  Telegram: ['telegram.org', 't.me'],
  WhatsApp: meta,
  YouTube: google,
  Zoom: ['zoom.us', 'zoom.com'],
  أمازون: amazon,
  آبل: apple,
  'باي بال': ['paypal.com'],
  جوجل: google,
  غوغل: google,
  فيسبوك: meta,
  مايكروسوفت: microsoft,
  ميكروسوفت: microsoft,
  واتساب: meta,
}
