import type { en } from '../en/en.js'
import { phrase } from '../parts/phrase.js'
import { arAccount } from './account.js'
import { arBlocks } from './blocks.js'
import { arCounted, arDuration, arFormats } from './formats.js'
import { arProblems } from './problems.js'
import { arRecovery } from './recovery.js'

const characters = { one: 'حرف واحد', two: 'حرفين', few: '# أحرف', many: '# حرفًا', other: '# حرف' }
const otherServices = {
  one: 'خدمة أخرى',
  two: 'خدمتين أخريين',
  few: '# خدمات أخرى',
  many: '# خدمة أخرى',
  other: '# خدمة أخرى',
}

/** The pages in Arabic. */
export const ar: typeof en = {
  lang: 'ar',
  dir: 'rtl',
  languageName: 'العربية',

  ...arFormats,
  duration: arDuration,

  title: (page, serverName) => `${page} – ${serverName}`,
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
  passwordStays: (server, agent) => phrase`لا يرى كلمة مرورك إلا ${server}، ولا يراها ${agent} أبدًا.`,
  signInProblems: {
    wrong_password: 'لا يمكن تسجيل الدخول هنا باسم المستخدم وكلمة المرور هذين. تأكد منهما وحاول مرة أخرى.',
    throttled:
      'محاولات كثيرة جدًا. حاول مرة أخرى لاحقًا، أو استخدم متصفحًا سجّلت الدخول منه من قبل. وإن كان الأمر عاجلًا، فاطلب من المسؤول إلغاء قفل حسابك.',
    provider_failed: 'لم ينجح تسجيل الدخول ذلك. حاول مرة أخرى، أو سجّل الدخول بطريقة أخرى.',
    provider_denied: 'أُلغي تسجيل الدخول ذلك، ولم يتغيّر شيء.',
    provider_expired: 'استغرق تسجيل الدخول ذلك وقتًا طويلًا. حاول مرة أخرى.',
    provider_not_fresh:
      'نحتاج إلى تسجيل دخول جديد، ولم تؤكده تلك الخدمة. سجّل الخروج هناك وحاول مرة أخرى، أو سجّل الدخول بطريقة أخرى.',
    account_disabled: 'حسابك هنا موقوف. اسأل المسؤول عن هذا الخادم.',
    passkey_failed: 'لم ينجح تسجيل الدخول بمفتاح المرور هذا. حاول مرة أخرى، أو سجّل الدخول بطريقة أخرى.',
  },
  forgotPassword: 'هل نسيت كلمة المرور؟',
  askForPassword: (whom) => phrase`اطلب كلمة مرور جديدة من ${whom}.`,
  administrator: 'المسؤول عن هذا الخادم',
  passwordProblems: {
    passkey_failed: 'لم ينجح مفتاح المرور هذا. حاول مرة أخرى.',
    wrong_password: 'كلمة المرور غير صحيحة. حاول مرة أخرى.',
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
    username_mixed: 'يخلط اسم المستخدم هذا بين حروف متشابهة من أبجديتين. استخدم أبجدية واحدة في الكلمة.',
    username_invalid: 'اسم المستخدم هذا طويل جدًا أو فيه رموز لا يمكننا قبولها. استخدم حروفًا وأرقامًا ونقاطًا وشرطات.',
    email_invalid: 'لا يبدو هذا عنوان بريد إلكتروني. تأكد منه، أو اترك الحقل فارغًا.',
    password_too_short: 'كلمة المرور هذه قصيرة جدًا. اختر كلمة أطول.',
    password_too_long: 'كلمة المرور هذه طويلة جدًا. اختر كلمة أقصر.',
    password_common: 'يستخدم كثيرون كلمة المرور هذه، فمن السهل تخمينها. اختر غيرها.',
    throttled: 'محاولات كثيرة جدًا من شبكتك. حاول لاحقًا.',
  },
  recovery: arRecovery,
  haveAccount: (link) => phrase`لديك حساب بالفعل؟ ${link}`,

  reauthenticate: 'تأكيد أنك أنت',
  reauthenticateReason: 'أدخل كلمة المرور مرة أخرى للمتابعة.',
  passkeyReason: 'استخدم مفتاح المرور للمتابعة.',
  passkeyNeededHere: 'لا يدعم هذا المتصفح مفاتيح المرور. افتح هذه الصفحة في متصفح يدعمها.',
  goOn: 'متابعة',
  cancel: 'إلغاء',

  signedInAs: (user) => phrase`تم تسجيل الدخول باسم ${user}`,
  notYou: 'ليس حسابك؟',

  allowTitle: (agentHost) => `السماح للوكيل ${agentHost}؟`,
  allowQuestion: (agent, resource) => phrase`هل تسمح للوكيل ${agent} بالوصول إلى ${resource} نيابةً عنك؟`,
  allowSignIn: (agent) => phrase`هل تسمح للوكيل ${agent} بتسجيل دخولك بحسابك هنا؟`,
  allowOwn: (agent) => phrase`هل تسمح للوكيل ${agent} بتسجيل دخولك بحسابك هنا وبالوصول إلى خدمته نيابةً عنك؟`,
  whoAsks: 'من يطلب',
  callsItself: (name) => phrase`يسمّي نفسه ${name}`,
  noName: 'لا يذكر هذا الوكيل اسمًا.',
  comesFrom: (agent) => phrase`هذا الطلب صادر فعلًا عن ${agent}.`,
  publishedBy: (agent) => phrase`تفاصيله منشورة من ${agent}. لا شيء يثبت أن هذا الطلب صادر من هناك.`,
  registeredBy: {
    operator: 'سجّله مشغّل هذا الخادم. لا شيء يثبت أن هذا الطلب صادر عنه.',
    itself: 'سجّل نفسه هنا كما يمكن لأي برنامج أن يفعل، فلا أحد يشهد له ولا لاسمه.',
  },
  comesFromCopy: (agent, name) =>
    phrase`هذا الطلب صادر عن نسخة من ${agent}، مثل تطبيق أو خادم، يسمّيها ${agent} ${name} ويشهد لها.`,
  copyOf: (agent, name) => phrase`${agent} (النسخة ${name})`,
  notChecked: {
    nothing: 'لم نتحقق ممن يديره.',
    name: 'لم نتحقق من اسمه ولا ممن يديره.',
    logo: 'لم نتحقق من شعاره ولا ممن يديره.',
    nameAndLogo: 'لم نتحقق من اسمه ولا من شعاره ولا ممن يديره.',
  },
  resourceCallsItself: (resource, name) => phrase`يسمّي ${resource} نفسه ${name}، ولم نتحقق من هذا الاسم.`,
  firstTime: 'هذه أول مرة يطلب فيها هذا الوكيل منك شيئًا.',
  requestedBefore: 'سبق أن طلب منك هذا الوكيل شيئًا.',
  asked: (ago) => phrase`طُلب ${ago}.`,
  code: (code) => phrase`إذا عُرض عليك رمز، فيجب أن يكون ${code}.`,
  allowedBefore: (day) => phrase`سمحت لهذا الوكيل في ${day}.`,
  allowedOtherCopy: (day) => phrase`سمحت لهذا الوكيل في ${day}، لكن ليس لهذه النسخة منه.`,
  allowedOnlyCopy: (day) => phrase`سمحت لنسخة من هذا الوكيل في ${day}، لكن ليس للوكيل نفسه.`,
  asksForMore: 'وهو الآن يطلب المزيد.',
  changed: 'تغيّر شيء في هذا الوكيل منذ آخر مرة سمحت له فيها:',
  changedForOthers: 'تغيّر شيء في هذا الوكيل منذ آخر مرة سمح له فيها شخص آخر:',
  changes: {
    keys: 'يستخدم مفتاحًا جديدًا.',
    redirect_host: 'يرسلك الآن إلى عنوان مختلف.',
    name: 'له اسم جديد.',
    unnamed: 'لم يعد يذكر اسمًا له.',
  },
  before: (value) => phrase`سابقًا: ${value}`,
  saysNothing: (agent) => phrase`لا يذكر ${agent} اسمًا ولا صفحات خاصة به، فكن حذرًا جدًا.`,
  lookAlike: (agent) =>
    phrase`انتبه جيدًا: ${agent} يمثّل عنوانًا فيه حروف من خارج الأبجدية اللاتينية الأساسية. يمكن بحروف كهذه تقليد عنوان تعرفه.`,
  claims: {
    brand: (brand, agent) => phrase`«${brand}» اسم يثق به الناس، لكن ${agent} ليس من عناوينه التي نعرفها.`,
    address: (address, agent) => phrase`يبدو اسمه كأنه العنوان ${address}، لكن الطلب صادر عن ${agent}.`,
    imitation: 'قد يبدو اسمه كأنه رسالة منّا، وهو ليس كذلك: اختاره الوكيل بنفسه، ولم نتحقق منه.',
  },

  details: 'التفاصيل',
  detailsAndNot: 'التفاصيل، وما لن يستطيع فعله',
  detailAgent: 'الوكيل',
  detailDelegate: 'نسخة الوكيل (الجهاز أو التشغيل)',
  detailKey: 'بصمة المفتاح',
  detailResource: 'إلى أين يصل',
  detailPermissions: 'الأسماء التقنية لما سيستطيع فعله',
  detailCall: 'ما تسمح به «هذه المرة فقط» تحديدًا',
  detailRedirect: 'إلى أين تذهب بعد ذلك',
  agentLinks: 'صفحات الوكيل نفسه، ولم نتحقق منها. تُفتح في علامة تبويب جديدة.',
  homepage: 'الصفحة الرئيسية',
  policy: 'سياسة الخصوصية',
  terms: 'شروط الاستخدام',

  able: 'ما سيستطيع فعله',
  ableNothing: (resource) => phrase`لا يقدّم ${resource} قائمة.`,
  noDescription: (resource) => phrase`لا يقدّم ${resource} وصفًا`,
  identity: {
    openid: 'التعرف عليك عندما تعود',
    profile: 'رؤية اسمك واسم المستخدم الخاص بك',
    email: 'رؤية عنوان بريدك الإلكتروني',
  },
  noValue: 'لم تُدخله بعد',
  withheld: 'مطلوب، لكننا لن نرسله',
  risks: { read: 'قراءة', change: 'تغيير', delete: 'حذف', spend: 'إنفاق', control: 'تحكم كامل' },
  isNew: 'جديد',
  kept: 'ولا يزال بإمكانه:',
  notAble: 'ما لن يستطيع فعله',
  notSeePassword: 'رؤية كلمة مرورك',
  notGetPassword: 'الحصول على كلمة مرورك منا',
  notRequested: 'لم يُطلب',
  notElsewhere: 'الوصول إلى خدماتك الأخرى',
  alreadyElsewhere: (services, myAgents) => phrase`يمكنه بالفعل الوصول إلى ${services} (انظر ${myAgents}).`,
  alreadySignsIn: (myAgents) => phrase`يمكنه بالفعل تسجيل دخولك (انظر ${myAgents}).`,
  moreServices: (count) => arCounted(count, otherServices),
  howLong: 'لأي مدة',
  untilRemoved: 'حتى أزيله',
  once: 'هذه المرة فقط',
  onceAllows: (call, seconds) =>
    phrase`«هذه المرة فقط» تسمح بهذا وحده: ${call}، مرة واحدة، خلال ${arDuration(seconds)}.`,
  onceSends: 'ولا يمكن تغيير ما يُرسَل معه، لكننا لا نراه.',
  askedAgain: 'سنسألك مجددًا عندما تربط هذا الوكيل في المرة القادمة.',
  whileAway: 'يمكنه استخدام هذا وأنت غائب.',
  removeIn: (myAgents) => phrase`يمكنك إزالته في أي وقت من ${myAgents}.`,
  worksOn: (seconds) => `وقد يستمر في العمل بعد ذلك لمدة تصل إلى ${arDuration(seconds)}.`,
  myAgents: 'وكلائي',

  loopback: (port) =>
    phrase`ستُرسل إجابتك إلى تطبيق على هذا الجهاز (المنفذ ${port}). لا تتابع إلا إذا كنت قد شغّلته الآن بنفسك.`,
  bearer: 'هذا الوصول غير مرتبط ببرنامج واحد: يمكن لأي شخص ينسخه أن يستخدمه حتى ينتهي.',
  anyProgram: (port) =>
    phrase`سيحصل على هذا برنامج على الكمبيوتر الذي أمامك (المنفذ ${port}). لا تسمح به إلا إذا كنت قد شغّلته هناك الآن. إذا طلب منك أحد نسخ عنوان من هذا المتصفح، فلا تفعل: فهو يحتوي على الوصول.`,
  elsewhere: (redirect, agent) =>
    phrase`ستُرسل إجابتك إلى ${redirect}، وهو عنوان مختلف عن ${agent}. لا تتابع إلا إذا كنت تتوقع ذلك.`,
  toldToOpen: (deny) =>
    phrase`هل طلبت للتو شيئًا من هذا الوكيل؟ إذا طلب منك شخص أو رسالة أو مكالمة هاتفية فتح هذه الصفحة، فاختر ${deny}.`,
  dangerous: (agent, what) =>
    phrase`بهذا الإذن قد يستطيع ${agent} ${what}. لا تسمح بذلك إلا إذا كنت تعرف لماذا يحتاج إليه.`,
  dangers: { delete: 'أن يحذف أشياء', spend: 'أن ينفق مالك', control: 'أن يتحكم بكل شيء' },
  passkeyAgain: 'لتسمح بهذا، أكّد باستخدام مفتاح المرور.',
  passkeyNeeded: 'لا يدعم هذا المتصفح مفاتيح المرور. افتح الطلب في متصفح يدعمها.',
  passwordAgain: 'لتسمح بهذا، أدخل كلمة المرور مرة أخرى.',
  deny: 'عدم السماح',
  allow: 'السماح',
  goBackTo: (redirect) => phrase`ستعود إلى ${redirect}`,
  goOnTo: (redirect) => phrase`ستنتقل إلى ${redirect}`,
  endsAt: (time) => phrase`ينتهي هذا الطلب الساعة ${time}.`,
  endsSoon: (time) => phrase`ينتهي هذا الطلب قريبًا، الساعة ${time}. يمكنك طلب مزيد من الوقت.`,
  extend: 'أحتاج إلى مزيد من الوقت',

  forbids: 'لا يسمح المسؤول عن هذا الخادم بذلك.',
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
  tryAgain: 'حاول مرة أخرى',
  reference: (id) => phrase`الرقم المرجعي: ${id}`,
}
