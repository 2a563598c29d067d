import type { en } from '../en/en.js'
import { createJoin, phrase } from '../parts/phrase.js'
import { arAccount } from './account.js'
import { arBlocks, arConsent } from './consent.js'
import { arCounted, arFormats } from './formats.js'
import { arProblems } from './problems.js'
import { arRecovery } from './recovery.js'
import { arSecondFactor } from './security.js'

const characters = { one: 'حرف واحد', two: 'حرفين', few: '# أحرف', many: '# حرفًا', other: '# حرف' }

/** The pages in Arabic. */
export const ar: typeof en = {
  lang: 'ar',
  dir: 'rtl',
  languageName: 'العربية',

  ...arFormats,

  title: (page, serverName) => `${page} – ${serverName}`,
  colon: ': ',
  sentences: createJoin(' '),
  errorTitle: (title) => `خطأ: ${title}`,
  theAgent: 'الوكيل',
  quoted: (words) => phrase`«${words}»`,

  signIn: 'تسجيل الدخول',
  signInHeading: (server) => phrase`تسجيل الدخول إلى ${server}`,
  signInReason: (agent, resource) => phrase`يطلب ${agent} الوصول إلى ${resource}.`,
  signInByLink: (agent, resource) =>
    phrase`يقول الرابط الذي أوصلك إلى هنا إن ${agent} يطلب الوصول إلى ${resource}. سنتحقق من ذلك بعد تسجيل دخولك.`,
  signInByUnnamed: (resource) =>
    phrase`يقول الرابط الذي أوصلك إلى هنا إن وكيلًا يطلب الوصول إلى ${resource}. سنتحقق من ذلك بعد تسجيل دخولك.`,
  signInByUnnamedForAny: 'يقول الرابط الذي أوصلك إلى هنا إن وكيلًا يطلب إذنًا بالوصول. سنتحقق من ذلك بعد تسجيل دخولك.',
  signInForAgent: (agent) => phrase`يطلب ${agent} تسجيل دخولك إليه بحسابك هنا.`,
  signInNext: 'سجّل الدخول لترى ما يطلبه. لن يُسمح بشيء جديد قبل أن توافق.',
  userName: 'اسم المستخدم',
  password: 'كلمة المرور',
  signInByMessage: (host) =>
    phrase`هل وصلت إلى هنا من بريد إلكتروني أو رسالة؟ إذًا لا تسجّل الدخول في هذه الصفحة، بل افتح ${host} بنفسك.`,
  passwordStays: (server, agent) => phrase`لا يرى كلمة مرورك إلا ${server}، ولا يراها ${agent} أبدًا.`,
  signInProblems: {
    wrong_password: 'لا يمكن تسجيل الدخول هنا باسم المستخدم وكلمة المرور هذين. تأكد منهما وحاول مرة أخرى.',
    throttled:
      'محاولات كثيرة جدًا. حاول مرة أخرى لاحقًا، أو استخدم متصفحًا سجّلت الدخول منه من قبل. وإن كان الأمر عاجلًا، فاطلب من المسؤول إلغاء قفل حسابك.',
    provider_failed: 'لم ينجح تسجيل الدخول ذلك. حاول مرة أخرى، أو سجّل الدخول بطريقة أخرى.',
    provider_denied: 'أُلغي تسجيل الدخول ذلك، ولم يتغيّر شيء.',
    provider_expired: 'استغرق تسجيل الدخول ذلك وقتًا طويلًا. حاول مرة أخرى.',
    provider_not_fresh:
      'عليك تسجيل الدخول مرة أخرى، ولم تؤكد تلك الخدمة أنك فعلت ذلك. سجّل الخروج هناك وحاول مرة أخرى، أو سجّل الدخول بطريقة أخرى.',
    account_disabled: 'حسابك هنا موقوف. اسأل مسؤول هذا الخادم.',
    step_expired: 'استغرق ذلك وقتًا طويلًا. سجّل الدخول مرة أخرى.',
    passkey_failed: 'لم ينجح تسجيل الدخول بمفتاح المرور هذا. حاول مرة أخرى، أو سجّل الدخول بطريقة أخرى.',
  },
  forgotPassword: 'هل نسيت كلمة المرور؟',
  askForPassword: (whom) => phrase`اطلب كلمة مرور جديدة من ${whom}.`,
  administrator: 'مسؤول هذا الخادم',
  passwordProblems: {
    passkey_failed: 'لم ينجح مفتاح المرور هذا. حاول مرة أخرى.',
    wrong_password: 'كلمة المرور غير صحيحة. حاول مرة أخرى.',
    wrong_code: 'هذا الرمز خاطئ أو سبق استخدامه. انتظر الرمز التالي، ثم حاول مرة أخرى.',
    throttled: 'محاولات كثيرة جدًا. انتظر بضع دقائق، ثم حاول مرة أخرى.',
  },
  showPassword: 'إظهار كلمة المرور',
  showPasswords: 'إظهار كلمتي المرور',
  signInToAccount: 'سجّل الدخول لترى الوكلاء الذين سمحت لهم.',
  signInAgain: {
    request: 'ما يطلبه ينطوي على خطر، مثل حذف أشياء أو إنفاق مال. سجّل الدخول مرة أخرى قبل أن تقرر.',
    login: 'يطلب أن تسجّل الدخول مرة أخرى قبل أن تقرر.',
    security: 'للمتابعة، سجّل الدخول مرة أخرى.',
  },
  otherWays: 'طرق أخرى لتسجيل الدخول',
  signInWith: (provider) => phrase`تسجيل الدخول عبر ${provider}`,
  signInWithPasskey: 'تسجيل الدخول بمفتاح مرور',
  usePasskey: 'استخدام مفتاح المرور',
  lostPasskey: 'هل فقدت مفتاح المرور؟',
  askAboutPasskey: (whom) =>
    phrase`اطلب من ${whom} إزالته من حسابك. وحتى ذلك الحين يمكنك تسجيل الدخول بطريقة أخرى لعرض جلساتك وإنهائها.`,
  passkeyStopped: 'لم ينجح ذلك ولم يتغيّر شيء. حاول مرة أخرى.',
  noAccount: (link) => phrase`ليس لديك حساب بعد؟ ${link}`,

  signUp: 'إنشاء حساب',
  signUpHeading: (server) => phrase`إنشاء حساب لدى ${server}`,
  signUpReason: 'بحسابك تقرر أنت ما يمكن للوكلاء فعله نيابةً عنك.',
  signUpNext: 'بعد إنشاء حساب يمكنك أن ترى ما يطلبه. لن يُسمح بشيء قبل أن توافق.',
  email: 'البريد الإلكتروني',
  optional: 'اختياري',
  userNameHint: 'استخدم حروفًا وأرقامًا ونقاطًا وشرطات.',
  emailHint: 'لا يراه أي وكيل إلا إذا سمحت بذلك.',
  newPassword: 'كلمة المرور الجديدة',
  passwordHint: (minimum) => `لا تقل عن ${arCounted(minimum, characters)}. ثلاث كلمات عشوائية أو أربع خيار جيد.`,
  signUpProblems: {
    username_taken: 'اسم المستخدم هذا محجوز. اختر غيره.',
    username_looks_alike: 'يشبه اسم المستخدم هذا اسم شخص آخر. اختر غيره.',
    username_mixed: 'يخلط اسم المستخدم هذا بين حروف متشابهة من أبجديتين. استخدم أبجدية واحدة في كل كلمة.',
    username_invalid: 'اسم المستخدم هذا طويل جدًا أو فيه رموز لا يمكننا قبولها. استخدم حروفًا وأرقامًا ونقاطًا وشرطات.',
    email_invalid: 'لا يبدو هذا عنوان بريد إلكتروني. تأكد منه، أو اترك الحقل فارغًا.',
    password_too_short: 'كلمة المرور هذه قصيرة جدًا. اختر كلمة مرور أطول.',
    password_too_long: 'كلمة المرور هذه طويلة جدًا. اختر كلمة مرور أقصر.',
    password_common: 'يستخدم كثيرون كلمة المرور هذه، فمن السهل تخمينها. اختر غيرها.',
    throttled: 'محاولات كثيرة جدًا من شبكتك. حاول لاحقًا.',
  },
  recovery: arRecovery,
  secondFactor: arSecondFactor,
  haveAccount: (link) => phrase`لديك حساب بالفعل؟ ${link}`,

  reauthenticate: 'تأكيد أنك أنت',
  reauthenticateReason: 'أدخل كلمة المرور مرة أخرى للمتابعة.',
  passkeyReason: 'استخدم مفتاح المرور للمتابعة.',
  passkeyNeededHere: 'لا يدعم هذا المتصفح مفاتيح المرور. افتح هذه الصفحة في متصفح يدعمها.',
  goOn: 'متابعة',
  cancel: 'إلغاء',

  signedInAs: (user) => phrase`تم تسجيل الدخول باسم ${user}`,
  notYou: 'ليس حسابك؟',

  ...arConsent,

  askContact: (contact) => phrase`إذا كنت تحتاج إليه، فاسأل ${contact}.`,
  goBack: 'رجوع',

  returnToApp: 'العودة إلى تطبيقك',
  appAllowed: (agent) => phrase`تم السماح بطلب ${agent}.`,
  appDenied: (agent) => phrase`لم يتم السماح بطلب ${agent}.`,
  appNext: 'افتح تطبيقك لإكمال العملية. يمكنك إغلاق هذه الصفحة بعد ذلك.',

  help: 'المساعدة',
  report: 'الإبلاغ عن هذا الوكيل',
  privacy: 'الخصوصية',
  language: 'اللغة',

  account: arAccount,
  problems: arProblems,
  blocks: arBlocks,
  nowSignedInAs: (user) => phrase`تم تسجيل دخولك الآن باسم ${user}`,
  continueAs: (user) => phrase`المتابعة باسم ${user}`,
  switchAccount: 'استخدام حساب آخر',
  canRemove: 'إذا لم تكن تريد السماح به، فأزل وصوله.',
  tryAgain: 'إعادة المحاولة',
  reference: (id) => phrase`الرقم المرجعي: ${id}`,
}
