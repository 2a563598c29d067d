/**
 * Brand names that users trust, and the hosts they belong to, including all hosts below them; `*` is any host. A host whose subdomains
 * belong to customers belongs to no brand, so `amazonaws.com` and `googleapis.com` are not listed here.
 */
export type Brands = Readonly<Record<string, readonly string[]>>

const amazon = ['amazon.com']
const apple = ['apple.com', 'icloud.com']
const anthropic = ['anthropic.com', 'claude.ai', 'claude.com']
const google = ['google.com', 'gmail.com', 'youtube.com', 'cloud.google']
const meta = ['facebook.com', 'meta.com', 'whatsapp.com', 'instagram.com']
const microsoft = ['microsoft.com', 'live.com', 'office.com', 'outlook.com', 'portal.azure.com', 'cloud.microsoft']
const openAi = ['openai.com', 'chatgpt.com']

/** The built-in brands, known without configuration. */
export const defaultBrands: Brands = {
  Amazon: amazon,
  Anthropic: anthropic,
  Apple: apple,
  ChatGPT: openAi,
  Claude: anthropic,
  Coinbase: ['coinbase.com'],
  DeepSeek: ['deepseek.com'],
  Discord: ['discord.com'],
  DocuSign: ['docusign.com', 'docusign.net'],
  Dropbox: ['dropbox.com'],
  Facebook: meta,
  Gemini: [...google, 'gemini.com'],
  GitHub: ['github.com'],
  GitLab: ['gitlab.com'],
  Gmail: google,
  Google: google,
  Grok: ['grok.com', 'x.ai', 'x.com'],
  'Hugging Face': ['huggingface.co'],
  iCloud: apple,
  Instagram: meta,
  LinkedIn: ['linkedin.com'],
  Mastercard: ['mastercard.com'],
  Microsoft: microsoft,
  Midjourney: ['midjourney.com'],
  Mistral: ['mistral.ai'],
  Netflix: ['netflix.com'],
  'Office 365': microsoft,
  Okta: ['okta.com'],
  OpenAI: openAi,
  Outlook: microsoft,
  PayPal: ['paypal.com'],
  Perplexity: ['perplexity.ai'],
  Salesforce: ['www.salesforce.com', 'login.salesforce.com', 'help.salesforce.com'],
  Slack: ['slack.com'],
  Stripe: ['stripe.com'],
  Telegram: ['telegram.org'],
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
