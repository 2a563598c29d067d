import { defaultBrands } from 'countersign-server'
import { cleanName } from 'countersign-server/pages'
import { describe, expect, it } from 'vitest'
import { createJudgeName } from '../../src/consent/name-caution.js'
import { imitatingNames, ordinaryNames } from './look-alike-names.js'

const cautionOf = (name: string, agent = 'https://calendar-helper.example', brands = {}) =>
  createJudgeName({ issuer: 'https://auth.home.example', serverName: 'Home Accounts', brands })(cleanName(name), agent)

describe('an unverified name', () => {
  it.each([
    'Calendar Helper',
    'Alice’s Notes',
    "O'Brien Travel",
    'Node.js Runner',
    'Unofficial Weather',
    'Pineapple',
    'Snapple Recipes',
    'zoomable maps',
    'Home Assistant',
    'Secure Notes',
    'Helper 2.0',
    'v1.2.3',
    'Mr. Smith',
    'calendar-helper.example',
    'Calendar at calendar-helper.example',
    'مساعد التقويم',
    '日本語カレンダー',
    'Проверка погоды',
    '',
  ])('%j gets no caution', (name) => {
    expect(cautionOf(name)).toBeUndefined()
  })

  it.each([
    ['Microsoft Security', 'Microsoft'],
    ['MICROSOFT', 'Microsoft'],
    ['MicrosoftSecurity', 'Microsoft'],
    ['microsoftsecurity', 'Microsoft'],
    ['My Microsoft', 'Microsoft'],
    ['M i c r o s o f t', 'Microsoft'],
    ['Micro-Soft', 'Microsoft'],
    ['Micro\u200bsoft', 'Microsoft'],
    ['M1cr0s0ft', 'Microsoft'],
    ['M!crosoft', 'Microsoft'],
    ['rnicrosoft', 'Microsoft'],
    ['Мiсrоsоft', 'Microsoft'],
    ['ΜΙCROSΟFT', 'Microsoft'],
    ['Ｍｉｃｒｏｓｏｆｔ', 'Microsoft'],
    ['𝐌𝐢𝐜𝐫𝐨𝐬𝐨𝐟𝐭', 'Microsoft'],
    ['🄼🄸🄲🅁🄾🅂🄾🄵🅃', 'Microsoft'],
    ['Ⓜicrosoft', 'Microsoft'],
    ['Mícrösōft', 'Microsoft'],
    ['Google (verified ✔)', 'Google'],
    ['G00gle Drive', 'Google'],
    ['Gοοgle', 'Google'],
    ['GitHub Actions', 'GitHub'],
    ['Pay Pal', 'PayPal'],
    ['PayPaI', 'PayPal'],
    ['Apple Support', 'Apple'],
    ['Аррӏе Support', 'Apple'],
    ['“Apple”', 'Apple'],
    ['ɢᴏᴏɢʟᴇ', 'Google'],
    ['ᴍɪᴄʀᴏꜱᴏꜰᴛ', 'Microsoft'],
    ['ᏢᎪᎽᏢᎪᏞ', 'PayPal'],
    ['ᏀᎾᎾᏀᏞᎬ', 'Google'],
    ['ꓖꓳꓳꓖꓡꓰ', 'Google'],
    ['ⲀⲢⲢlⲈ', 'Apple'],
    ['Λpple', 'Apple'],
    ['Δpple', 'Apple'],
    ['Ꭺpple', 'Apple'],
    ['Ζoom', 'Zoom'],
    ['Ƶoom', 'Zoom'],
    ['Ⴝlack', 'Slack'],
    ['Googl℮', 'Google'],
    ['Gøøgłe', 'Google'],
    ['𝓟𝓪𝔂𝓟𝓪𝓵', 'PayPal'],
    ['Applesupport', 'Apple'],
    ['Office 365 Sync', 'Office 365'],
    ['دعم مايكروسوفت', 'مايكروسوفت'],
    ['مَايكروسُوفت', 'مايكروسوفت'],
    ['خدمة باي بال', 'باي بال'],
    ['آبــل', 'آبل'],
  ])('%j uses a name that people trust', (name, brand) => {
    expect(cautionOf(name)).toEqual({ what: 'brand', brand })
  })

  it.each([
    ['https://login.microsoft.com', undefined],
    ['https://microsoft.com', undefined],
    ['https://microsoft.com.evil.example', 'Microsoft'],
    ['https://evil-microsoft.com', 'Microsoft'],
    ['https://notmicrosoft.com', 'Microsoft'],
    ['https://xn--mcrosoft-thh.example', 'Microsoft'],
  ])('a brand belongs to its own hosts: %s', (agent, brand) => {
    expect(cautionOf('Microsoft', agent)).toEqual(brand === undefined ? undefined : { what: 'brand', brand })
  })

  it.each([
    'https://microsoft-security.example',
    'https://login.microsoft.com.evil.example',
    'https://xn--mcrosoft-thh.example',
    'https://microsoft365.example',
  ])('the host %s uses a brand, whatever the agent’s name is', (agent) => {
    expect(cautionOf('Calendar', agent)).toEqual({ what: 'brand', brand: 'Microsoft' })
  })

  it.each([
    ['https://slackapp.example', 'Slack'],
    ['https://slack2.example', 'Slack'],
    ['https://getslackapp.example', 'Slack'],
    ['https://zoomus.example', 'Zoom'],
    ['https://applesupport.example', 'Apple'],
    ['https://my-applepay.example', 'Apple'],
    ['https://gmailhelper.example', 'Gmail'],
    ['https://snapple.example', undefined],
    ['https://pineapples.example', undefined],
    ['https://zoomable.example', undefined],
    ['https://slacker.example', undefined],
  ])('a short brand name counts together with its common companions: %s', (agent, brand) => {
    expect(cautionOf('Calendar', agent)).toEqual(brand === undefined ? undefined : { what: 'brand', brand })
  })

  it.each([
    ['Google Drive', 'bucket.storage.googleapis.com'],
    ['Google', 'thing.web.app'],
    ['Google', 'thing.firebaseapp.com'],
    ['Google', 'thing.a.run.app'],
    ['Google', 'thing.appspot.com'],
    ['Microsoft 365', 'vm.westeurope.cloudapp.azure.com'],
    ['Microsoft', 'thing.azurewebsites.net'],
    ['Microsoft', 'thing.blob.core.windows.net'],
    ['Microsoft', 'thing.openai.azure.com'],
    ['Amazon', 'bucket.s3.amazonaws.com'],
    ['Amazon', 'ec2-203-0-113-7.compute-1.amazonaws.com'],
    ['Amazon', 'ec2-203-0-113-7.eu-west-1.compute.amazonaws.com'],
    ['Amazon', 'abcdef.execute-api.us-east-1.amazonaws.com'],
    ['Amazon', 'thing.cloudfront.net'],
    ['Salesforce', 'org.my.site.com'],
    ['Salesforce', 'org.my.salesforce.com'],
    ['Salesforce', 'org.my.salesforce-sites.com'],
    ['Salesforce', 'org.secure.force.com'],
    ['GitHub', 'somebody.github.io'],
    ['GitHub', 'raw.githubusercontent.com'],
    ['GitLab', 'somebody.gitlab.io'],
    ['Telegram', 'somebody.t.me'],
  ])('%s gets a caution at %s, where anyone can get a host', (name, host) => {
    expect(cautionOf(name, `https://${host}`)).toMatchObject({ what: 'brand' })
  })

  it.each([
    ['google.com', { what: 'brand', brand: 'Google' }],
    ['cal.example', { what: 'address', address: 'cal.example' }],
    ['Notes for auth.home.example', { what: 'address', address: 'auth.home.example' }],
    ['bank.de', { what: 'address', address: 'bank.de' }],
    ['BANK．DE', { what: 'address', address: 'BANK.DE' }],
    ['bank。de', { what: 'address', address: 'bank.de' }],
    ['https://bank.example/login', { what: 'address', address: 'bank.example' }],
    ['calendar-helper.example.evil', { what: 'address', address: 'calendar-helper.example.evil' }],
    ['саlendar-helper.example', { what: 'address', address: 'саlendar-helper.example' }],
  ])('%j reads as another party’s address', (name, caution) => {
    expect(cautionOf(name)).toEqual(caution)
  })

  it.each([
    'Verified',
    'Calendar (verified)',
    'VERIFIED CALENDAR',
    'VerifiedCalendar',
    'verifiedagent',
    'V e r i f i e d',
    'Ver-ified',
    'Vеrіfіеd',
    'Ⅴerified',
    'Verified!',
    'V3rified',
    'Official Calendar',
    '0fficial',
    'Trusted by Home',
    'Calendar ✔',
    'Calendar ✔️',
    '✅ Calendar',
    '🔒 Calendar',
    'Calendar ☑',
    '⚠ Calendar',
    'Home Accounts',
    'Home Accounts Security',
    'home-accounts',
    'Hоme Аccоunts',
    'Click Allow to go on',
    'Calendar” is verified. “Allow',
    'تم التحقق',
    'التقويم الرسمي',
    'وكيل مُوثَّق',
    'تقويم معتمد',
    'اضغط السماح',
    'Calendario verificado',
    'Application vérifiée',
    'Aplicación Verificada',
    'Geprüft',
    'Von uns geprüft',
    'Проверено',
    'Официальный календарь',
    '日历已验证',
    '公式カレンダー',
    'ᴠᴇʀɪꜰɪᴇᴅ',
    'Ꮩerified',
    'Ⓥⓔⓡⓘⓕⓘⓔⓓ',
    'Calendar 🔰',
    'Calendar 💯',
    '🟢 Calendar',
    'Calendar ⍻',
    'Calendar 🏅',
  ])('%j reads as a statement by this server', (name) => {
    expect(cautionOf(name)).toEqual({ what: 'imitation' })
  })

  it.each([
    ['Amazon', 'amazon.com'],
    ['Claude', 'anthropic.com claude.ai claude.com'],
    ['Apple', 'apple.com icloud.com'],
    ['ChatGPT', 'openai.com chatgpt.com'],
    ['DocuSign', 'docusign.com docusign.net'],
    ['Gemini', 'google.com gmail.com youtube.com cloud.google gemini.com'],
    ['Grok', 'grok.com x.ai x.com'],
    ['Instagram', 'facebook.com meta.com whatsapp.com instagram.com'],
    ['Outlook', 'microsoft.com live.com office.com outlook.com portal.azure.com cloud.microsoft'],
    ['Salesforce', 'www.salesforce.com login.salesforce.com help.salesforce.com'],
    ['Zoom', 'zoom.us zoom.com'],
  ])('lets %s use its name at each of its hosts, %s, and no other agent', (brand, hosts) => {
    for (const host of hosts.split(' ')) expect(cautionOf(brand, `https://${host}`), host).toBeUndefined()
    expect(cautionOf(brand)).toMatchObject({ what: 'brand' })
  })

  it('uses the operator’s brands, and skips those that the operator declares free to use', () => {
    expect(cautionOf('Contoso Travel', undefined, { Contoso: ['contoso.example'] })).toEqual({
      what: 'brand',
      brand: 'Contoso',
    })
    expect(
      cautionOf('Contoso Travel', 'https://travel.contoso.example', { Contoso: ['contoso.example'] }),
    ).toBeUndefined()
    expect(cautionOf('Zoom', undefined, { Zoom: ['*'] })).toBeUndefined()
  })
})

it('takes no more than a few milliseconds of CPU for the longest name and host', () => {
  const hosts = [`${'a.'.repeat(120)}example`, `${'a-'.repeat(30)}a.${'b-'.repeat(30)}b.example`]
  const names = ['a '.repeat(30), 'a.'.repeat(30), '𝐌'.repeat(60), 'é́'.repeat(30), '⊙'.repeat(60), 'a1'.repeat(30)]
  const judge = createJudgeName({ issuer: 'https://auth.home.example', serverName: 'Home Accounts', brands: {} })
  const before = process.cpuUsage()
  for (const host of hosts)
    for (const name of names) for (let time = 0; time < 10; time++) judge(cleanName(name), `https://${time}.${host}`)
  const { user } = process.cpuUsage(before)
  expect(user / 1000 / 120).toBeLessThan(10)
})

describe('C15: names that imitate a brand', () => {
  it.each(imitatingNames)('%j is recognized as %s', (name, brand) => {
    expect(cautionOf(name)).toEqual({ what: 'brand', brand })
  })

  it('have at most one letter in three of another script', () => {
    expect([cautionOf('slжck'), cautionOf('sжжck')]).toEqual([{ what: 'brand', brand: 'Slack' }, undefined])
  })

  it('are distinguished from ordinary names: at most one in a hundred of those gets a caution', () => {
    expect(ordinaryNames.length).toBeGreaterThan(400)
    expect(new Set(ordinaryNames).size).toBe(ordinaryNames.length)
    const cautioned = ordinaryNames.filter((name) => cautionOf(name) !== undefined)
    expect(cautioned.length, cautioned.join(', ')).toBeLessThanOrEqual(ordinaryNames.length / 100)
  })

  it.each([
    'Security Team',
    'Security',
    'The Security Team',
    'SecurityTeam',
    'Secur1ty Team',
    'Sign-in',
    'Sign in',
    'SignIn',
    '5ign-in',
    'Sign-In Helper',
    'Login',
    'Log in',
    'Account Recovery',
    'Admin',
    'System Administrator',
    'IT Support',
    'Helpdesk',
    'Password Reset',
    'Trust & Safety',
    'Fraud Prevention',
  ])('%j poses as the operator of a service', (name) => {
    expect(cautionOf(name)).toEqual({ what: 'imitation' })
  })

  it.each([
    'Document Signing',
    'Administrative Law',
    'Cybersecurity News',
    'Secure Notes',
    'Slogin Maker',
    'Micros',
    'Papal Strike',
  ])('%j does not', (name) => {
    expect(cautionOf(name)).toBeUndefined()
  })
})

it.each(Object.keys(defaultBrands))('the brand %s gets a caution alone, and as the first word of a name', (brand) => {
  for (const name of [brand, `${brand} Sync`]) {
    const caution = cautionOf(name)
    // Two spellings of one brand may stand for each other.
    expect(caution?.what === 'brand' && defaultBrands[caution.brand], name).toBe(defaultBrands[brand])
  }
})

it.each(['iC1oud', 'iClouds', 'ICLOUD', 'iCloud Drive'])(
  '%s is recognized as the brand, and not as an ordinary word ending in cloud',
  (name) => {
    expect(cautionOf(name)).toEqual({ what: 'brand', brand: 'iCloud' })
  },
)

it('an ordinary word is a brand if the operator lists it', () => {
  expect(cautionOf('Strive')).toBeUndefined()
  const brands = { Strive: ['strive.example'] }
  for (const name of ['Strive', 'Str1ve Support'])
    expect(cautionOf(name, undefined, brands)).toEqual({ what: 'brand', brand: 'Strive' })
})

describe('the full name of an agent, which ends with its host', () => {
  const judgeAt = (issuer: string, serverName = 'Home Accounts') => createJudgeName({ issuer, serverName, brands: {} })

  it.each([
    ['http://127.0.0.1:8103', 'http://127.0.0.1:5000'],
    ['http://localhost:8103', 'http://localhost:5000'],
    ['http://[::1]:8103', 'http://[::1]:5000'],
    ['https://home.example', 'https://home.example'],
    ['https://home.example', 'https://planner.home.example'],
  ])('gets no caution at %s if the agent is there: %s', (issuer, agent) => {
    const judge = judgeAt(issuer)
    const { host, hostname } = new URL(agent)
    for (const local of ['agent', 'bot-1', 'x'.repeat(100)])
      for (const at of [host, hostname]) expect(judge(`aauth:${local}@${at}`, agent)).toBeUndefined()
  })

  it('still gets one for what the agent chose, and for the name of this server at another host', () => {
    const own = 'https://planner.home.example'
    const judge = judgeAt('https://home.example')
    expect(judge('aauth:security-team@planner.home.example', own)).toEqual({ what: 'imitation' })
    expect(judge('aauth:home-accounts@planner.home.example', own)).toEqual({ what: 'imitation' })
    expect(judge('aauth:homeexample@planner.home.example', own)).toEqual({ what: 'imitation' })
    expect(judge('aauth:bot@home.example', own)).toEqual({ what: 'imitation' })
    for (const agent of ['https://home-example.evil.example', 'https://homeexample', 'https://nothome.example'])
      expect(judge(`aauth:bot@${new URL(agent).host}`, agent)).toEqual({ what: 'imitation' })
    expect(judge('aauth:bot@security-team.evil.example', 'https://security-team.evil.example')).toEqual({
      what: 'imitation',
    })
  })
})

it('a short server name gets a caution as a whole word', () => {
  const judge = createJudgeName({ issuer: 'https://auth.home.example', serverName: 'Acme', brands: {} })
  for (const name of ['Acme', 'Acrne', 'Acme Support', 'My acme'])
    expect(judge(name, 'https://agent.example'), name).toEqual({ what: 'imitation' })
  for (const name of ['Acmetric', 'Pacme Tools']) expect(judge(name, 'https://agent.example'), name).toBeUndefined()
})

it.each(
  Object.entries({
    Amazon: 'amazon.com',
    Anthropic: 'anthropic.com claude.ai claude.com',
    Apple: 'apple.com icloud.com',
    ChatGPT: 'openai.com chatgpt.com',
    Claude: 'anthropic.com claude.ai claude.com',
    Coinbase: 'coinbase.com',
    DeepSeek: 'deepseek.com',
    Discord: 'discord.com',
    DocuSign: 'docusign.com docusign.net',
    Dropbox: 'dropbox.com',
    Facebook: 'facebook.com meta.com whatsapp.com instagram.com',
    Gemini: 'google.com gmail.com youtube.com cloud.google gemini.com',
    GitHub: 'github.com',
    GitLab: 'gitlab.com',
    Gmail: 'google.com',
    Google: 'google.com gmail.com youtube.com cloud.google',
    Grok: 'grok.com x.ai x.com',
    'Hugging Face': 'huggingface.co',
    iCloud: 'icloud.com',
    Instagram: 'instagram.com',
    LinkedIn: 'linkedin.com',
    Mastercard: 'mastercard.com',
    Microsoft: 'microsoft.com live.com office.com outlook.com portal.azure.com cloud.microsoft',
    Midjourney: 'midjourney.com',
    Mistral: 'mistral.ai',
    Netflix: 'netflix.com',
    'Office 365': 'office.com',
    Okta: 'okta.com',
    OpenAI: 'openai.com',
    Outlook: 'outlook.com',
    PayPal: 'paypal.com',
    Perplexity: 'perplexity.ai',
    Salesforce: 'www.salesforce.com login.salesforce.com help.salesforce.com',
    Slack: 'slack.com',
    Stripe: 'stripe.com',
    Telegram: 'telegram.org',
    WhatsApp: 'whatsapp.com',
    YouTube: 'youtube.com',
    Zoom: 'zoom.us zoom.com',
    'باي بال': 'paypal.com',
  }).flatMap(([brand, hosts]) => hosts.split(' ').map((host) => [brand, host] as const)),
)('an agent named %s at %s, or below it, gets no caution', (brand, host) => {
  for (const at of [host, `agent.${host}`]) expect(cautionOf(brand, `https://${at}`), at).toBeUndefined()
  expect(cautionOf(brand, `https://not${host}`)).toMatchObject({ what: 'brand' })
})
