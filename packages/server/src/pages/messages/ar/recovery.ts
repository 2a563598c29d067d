import type { enRecovery } from '../en/recovery.js'
import { createNotice, phrase } from '../parts/phrase.js'

const all = {
  unneeded: 'إذا كنت أنت من فعل ذلك، فلا يلزمك فعل شيء.',
  action: 'مراجعة إعدادات الأمان',
  otherwise:
    'إذا لم تكن أنت، فقد يكون لشخص آخر وصول إلى حسابك: غيّر كلمة المرور وسجّل الخروج من كل الأجهزة. إذا تعذّر عليك تسجيل الدخول، فاختر «هل نسيت كلمة المرور؟» في صفحة تسجيل الدخول.',
}

const notice = createNotice(all)

const agents = {
  ...all,
  action: 'مراجعة وكلائك',
  otherwise: 'إذا لم تكن أنت، فقد يكون لشخص آخر وصول إلى حسابك: أزل الوكيل وغيّر كلمة المرور وسجّل الخروج من كل الأجهزة.',
  optOut: 'يمكنك إيقاف هذه الرسائل في صفحة «الحساب».',
}

const agentNotice = createNotice(agents)

const blockNotice = createNotice({
  action: agents.action,
  optOut: agents.optOut,
  unneeded: 'ليس عليك فعل شيء. إذا لم تعد تستخدم هذا الوكيل، فأزله.',
})

/** What the pages and emails for a forgotten password say in Arabic. */
export const arRecovery: typeof enRecovery = {
  newPasswordPage: {
    invite: {
      heading: 'اختر كلمة مرور',
      lead: (user, server) =>
        phrase`اسم المستخدم الخاص بك في ${server} هو ${user}. سجّل الدخول به وبكلمة المرور هذه من الآن فصاعدًا.`,
    },
    reset: {
      heading: 'اختر كلمة مرور جديدة',
      lead: (user, server) => phrase`هذا للحساب ${user} في ${server}. سيتم تسجيل خروجك من كل الأجهزة.`,
    },
  },
  setPassword: 'تعيين كلمة المرور',
  passkeyInstead: 'أو استخدم مفتاح مرور بدلًا منها',
  forgotHeading: 'هل نسيت كلمة المرور؟',
  forgotLead: 'أدخل اسم المستخدم. إذا كان عنوان بريده الإلكتروني مؤكدًا، فسنرسل إليه رابطًا لاختيار كلمة مرور جديدة.',
  sendLink: 'إرسال الرابط',
  forgotThrottled: 'محاولات كثيرة جدًا من شبكتك. حاول مرة أخرى لاحقًا.',
  checkEmail: 'تحقق من بريدك الإلكتروني',
  linkSent:
    'إذا كان هناك حساب باسم المستخدم هذا وله عنوان بريد إلكتروني مؤكد، فقد أرسلنا إليه رابطًا يعمل لمدة ٢٠ دقيقة.',
  noLink: (whom) =>
    phrase`إذا لم تصل رسالة خلال بضع دقائق، فابحث في مجلد الرسائل غير المرغوب فيها، أو اطلب كلمة مرور جديدة من ${whom}.`,
  confirmEmail: {
    heading: 'تأكيد عنوان بريدك الإلكتروني',
    lead: (email, server) => phrase`هل ${email} هو عنوانك لحسابك في ${server}؟ أكّده فقط إذا كنت أنت من أدخله هناك.`,
    action: 'تأكيد هذا العنوان',
  },
  emails: {
    reset: {
      subject: (server) => `كلمة مرورك الجديدة في ${server}`,
      before: (server, user) => [
        `طلبت كلمة مرور جديدة لحسابك ${user} في ${server}.`,
        'لاختيارها، افتح هذا الرابط خلال ٢٠ دقيقة. يعمل الرابط مرة واحدة.',
      ],
      action: 'اختيار كلمة مرور جديدة',
      after: ['إذا لم تطلب ذلك، فلا تفعل شيئًا: تبقى كلمة المرور كما هي. لا تعطِ هذا الرابط لأحد.'],
    },
    confirm: {
      subject: (server) => `تأكيد عنوان بريدك الإلكتروني في ${server}`,
      before: (server) => [
        `أُدخل عنوان بريدك الإلكتروني لحساب في ${server}.`,
        'إذا كنت أنت من أدخله، فافتح هذا الرابط خلال يوم لتأكيده. وبعد ذلك سنرسل إليه روابط إذا نسيت كلمة المرور.',
      ],
      action: 'تأكيد هذا العنوان',
      after: ['إذا لم تكن أنت، فلا تفعل شيئًا: يبقى العنوان غير مؤكد.'],
    },
    password_changed: notice(
      'تم تغيير كلمة المرور',
      (server, user) => `تم تغيير كلمة مرور حسابك ${user} في ${server}.`,
    ),
    passkey_added: notice(
      'تمت إضافة مفتاح مرور',
      (server, user) => `تمت إضافة مفتاح مرور إلى حسابك ${user} في ${server}.`,
    ),
    passkey_removed: notice(
      'تمت إزالة مفتاح مرور',
      (server, user) => `تمت إزالة مفتاح مرور من حسابك ${user} في ${server}.`,
    ),
    email_changed: {
      ...notice(
        'تم تغيير عنوان بريدك الإلكتروني',
        (server, user) =>
          `تم تغيير عنوان البريد الإلكتروني لحسابك ${user} في ${server}. لن نرسل رسائل إلى هذا العنوان بعد الآن.`,
      ),
      after: [
        'إذا لم تكن أنت، فقد يكون لشخص آخر وصول إلى حسابك: سجّل الدخول وغيّر كلمة المرور وعنوان البريد الإلكتروني، وسجّل الخروج من كل الأجهزة.',
      ],
    },
    factor_added: notice(
      'تم إعداد تسجيل الدخول بخطوتين',
      (server, user) => `تم إعداد تسجيل الدخول بخطوتين باستخدام تطبيق مصادقة لحسابك ${user} في ${server}.`,
    ),
    factor_removed: notice(
      'تم إيقاف تسجيل الدخول بخطوتين',
      (server, user) => `تم إيقاف تسجيل الدخول بخطوتين لحسابك ${user} في ${server}.`,
    ),
    device_connected: {
      ...notice(
        'تم ربط جهاز',
        (server, user) => `تم ربط جهاز بحسابك ${user} في ${server}. وسيسألك قبل أن يحصل على وصول إلى أي شيء.`,
      ),
      action: 'مراجعة أجهزتك',
      after: [
        'إذا لم تكن أنت، فافصل الجهاز من «وكلائي»، لأن تغيير كلمة المرور لا يفصله. ثم غيّر كلمة المرور وسجّل الخروج من كل الأجهزة.',
      ],
    },
    identity_linked: notice(
      'رُبط مزوّد لتسجيل الدخول',
      (server, user) => `رُبط بحسابك ${user} في ${server} حساب لدى مزوّد آخر، ويمكن تسجيل الدخول به.`,
    ),
    identity_unlinked: notice(
      'أُزيل مزوّد لتسجيل الدخول',
      (server, user) => `أُزيل من حسابك ${user} في ${server} مزوّد كنت تستطيع تسجيل الدخول به.`,
    ),
    agent_allowed: agentNotice(
      'تم السماح لوكيل جديد',
      (server, user, about) => `حصل الوكيل ${about.agent} على وصول إلى ${about.resource} بحسابك ${user} في ${server}.`,
    ),
    agent_blocked: blockNotice(
      'تم حظر وكيل',
      (server, user, about) =>
        `حظر أحد المسؤولين في ${server} الوكيل ${about.agent}. لا يحصل هذا الوكيل على أي وصول جديد بحسابك ${user}.`,
    ),
    new_device: notice(
      'تسجيل دخول جديد',
      (server, user) => `سجّل شخص الدخول إلى حسابك ${user} في ${server} من متصفح لم نره من قبل.`,
    ),
  },
}
