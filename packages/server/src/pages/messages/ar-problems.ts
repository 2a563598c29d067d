import type { ProblemPage } from '../models.js'
import { phrase } from './phrase.js'
import type { Problem } from './problem.js'

/** What the problem pages say in Arabic. */
export const arProblems: Record<ProblemPage['code'], Problem> = {
  request_unknown: {
    heading: 'لا نعرف هذا الطلب',
    explanation: () => phrase`الرابط غير كامل، أو أنه لم يصدر عنّا.`,
    advice: (agent) => phrase`ارجع إلى ${agent} وابدأ من جديد.`,
  },
  request_expired: {
    heading: 'انتهى وقت هذا الطلب',
    explanation: () => phrase`يبقى الطلب مفتوحًا لوقت قصير فقط، وقد انتهى وقته قبل أن يُجاب عنه.`,
    advice: (agent) => phrase`إذا كنت لا تزال تريده، فارجع إلى ${agent} وحاول مرة أخرى.`,
  },
  request_used: {
    heading: 'تمت الإجابة عن هذا الطلب من قبل',
    explanation: () => phrase`يُجاب عن كل طلب مرة واحدة.`,
    advice: (agent) => phrase`إذا كنت لا تزال تحتاج إلى شيء، فارجع إلى ${agent} وابدأ من جديد.`,
  },
  request_allowed: {
    heading: 'لقد سمحت بهذا الطلب',
    explanation: () => phrase`وصلتنا إجابتك، ولا يمكن الرد على الطلب إلا مرة واحدة.`,
    advice: (agent) => phrase`يمكنك إغلاق هذه الصفحة. إذا كان ${agent} لا يزال ينتظر، فابدأ من جديد من هناك.`,
    retry: 'الذهاب إلى وكلائي',
  },
  request_denied: {
    heading: 'لم تسمح بهذا الطلب',
    explanation: () => phrase`وصلتنا إجابتك. لم يحصل هذا الطلب على أي وصول.`,
    advice: (agent) => phrase`يمكنك إغلاق هذه الصفحة. إذا غيّرت رأيك، فابدأ من جديد من ${agent}.`,
  },
  request_other_session: {
    heading: 'أكمل من حيث بدأت',
    explanation: () => phrase`هذا الطلب مفتوح في متصفح آخر، ولا يمكن الإجابة عنه إلا هناك.`,
    advice: () => phrase`أكمل في ذلك المتصفح، أو ابدأ من جديد من الوكيل.`,
  },
  redirect_mismatch: {
    heading: 'هذا الرابط لا يطابق الطلب',
    explanation: () => phrase`كان سيرسلك إلى عنوان غير الذي أُعطي لنا، فتوقفنا لحمايتك.`,
    advice: (agent) => phrase`ارجع إلى ${agent} وابدأ من جديد. إذا حدث هذا مرتين، فلا تثق بالرابط.`,
  },
  csrf: {
    heading: 'لم نستطع التأكد من أن هذا جاء منك',
    explanation: () => phrase`كان النموذج قديمًا جدًا، أو أرسله موقع آخر، فلم نستخدمه.`,
    advice: () => phrase`افتح الصفحة مرة أخرى وأجب هناك.`,
    retry: 'افتح الصفحة مرة أخرى',
  },
  account_changed: {
    heading: 'تم تسجيل دخولك الآن بحساب آخر',
    explanation: () => phrase`الصفحة التي أجبت فيها كانت لحساب آخر، فلم نستخدم إجابتك.`,
    advice: () => phrase`تابع بهذا الحساب، أو سجّل الدخول إلى الحساب الآخر.`,
  },
  bad_form: {
    heading: 'شيء ما في النموذج لم يكن صحيحًا',
    explanation: () => phrase`نقص جزء منه أو تغيّر في الطريق، فلم نستخدم النموذج.`,
    advice: (agent) => phrase`افتح الصفحة مرة أخرى. إذا لم يساعد ذلك، فارجع إلى ${agent} وابدأ من جديد.`,
    retry: 'افتح الصفحة مرة أخرى',
  },
  not_found: {
    heading: 'لا توجد صفحة هنا',
    explanation: () => phrase`قد يكون في العنوان خطأ، أو أن الصفحة لم تعد موجودة.`,
    advice: () => phrase`تأكد من العنوان، أو ارجع من حيث أتيت.`,
    retry: 'الذهاب إلى وكلائي',
  },
  method_not_allowed: {
    heading: 'لا يُستخدم هذا العنوان بهذه الطريقة',
    explanation: () => phrase`فُتح العنوان بطريقة لم يُصمَّم لها.`,
    advice: (agent) => phrase`ارجع إلى ${agent} وابدأ من جديد.`,
  },
  policy_forbids: {
    heading: 'مؤسستك لا تسمح بهذا الوكيل',
    explanation: (agent) => phrase`القائمون على هذا الخادم لا يسمحون بأن يتصرف ${agent} نيابةً عنك.`,
    advice: () => phrase`إذا كنت تحتاج إليه، فاسألهم وأعطهم الرقم المرجعي أدناه.`,
    retry: 'رجوع',
  },
  too_many_requests: {
    heading: 'محاولات كثيرة جدًا',
    explanation: () => phrase`لحماية الحسابات، ننتظر قليلًا بعد محاولات كثيرة متتالية.`,
    advice: () => phrase`انتظر بضع دقائق، ثم حاول مرة أخرى.`,
  },
  temporarily_unavailable: {
    heading: 'عذرًا، لسنا جاهزين الآن',
    explanation: () => phrase`السبب من عندنا وليس منك، ونتوقع أن يزول قريبًا.`,
    advice: () => phrase`انتظر لحظة، ثم حاول مرة أخرى.`,
  },
  server_error: {
    heading: 'عذرًا، حدث خطأ من عندنا',
    explanation: () => phrase`لم يحدث هذا بسبب شيء فعلته.`,
    advice: () => phrase`يمكنك المحاولة مرة أخرى بأمان. إذا تكرر هذا، فأخبرنا بالرقم المرجعي أدناه.`,
  },
}
