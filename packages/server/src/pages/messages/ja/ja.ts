import type { en } from '../en/en.js'
import { createCounted, createFormats } from '../parts/formats.js'
import { createJoin, phrase } from '../parts/phrase.js'
import { jaAccount } from './account.js'
import { jaBlocks, jaConsent } from './consent.js'
import { jaProblems } from './problems.js'
import { jaRecovery } from './recovery.js'
import { jaSecondFactor } from './security.js'

const counted = createCounted('ja')

/** The text of the pages, in Japanese. */
export const ja: typeof en = {
  lang: 'ja',
  dir: 'ltr',
  languageName: '日本語',

  ...createFormats('ja'),

  title: (page, serverName) => `${page} – ${serverName}`,
  colon: '：',
  sentences: createJoin(''),
  errorTitle: (title) => `エラー：${title}`,
  theAgent: 'エージェント',
  quoted: (words) => phrase`「${words}」`,

  signIn: 'ログイン',
  signInHeading: (server) => phrase`${server}にログイン`,
  signInReason: (agent, resource) => phrase`${agent}が${resource}へのアクセスを求めています。`,
  signInByLink: (agent, resource) =>
    phrase`このページを開いたリンクによると、${agent}が${resource}へのアクセスを求めています。この内容が正しいかどうかは、ログイン後にこちらで確認します。`,
  signInByUnnamed: (resource) =>
    phrase`このページを開いたリンクによると、あるエージェントが${resource}へのアクセスを求めています。この内容が正しいかどうかは、ログイン後にこちらで確認します。`,
  signInByUnnamedForAny:
    'このページを開いたリンクによると、あるエージェントがアクセスを求めています。この内容が正しいかどうかは、ログイン後にこちらで確認します。',
  signInForAgent: (agent) => phrase`${agent}が、こちらのアカウントでのログインを求めています。`,
  signInNext:
    'ログインすると、求められている内容を確認できます。あなたが許可するまで、新たに許可されることはありません。',
  userName: 'ユーザー名',
  password: 'パスワード',
  signInByMessage: (host) =>
    phrase`メールやメッセージからこのページを開いた場合は、ここではログインせず、ご自分で${host}を開いてください。`,
  passwordStays: (server, agent) => phrase`パスワードが伝わるのは${server}だけです。${agent}に伝わることはありません。`,
  signInProblems: {
    wrong_password: 'このユーザー名とパスワードではログインできません。確認して、もう一度お試しください。',
    throttled:
      '試行回数が多すぎます。しばらくしてからもう一度試すか、以前にログインしたことのあるブラウザをお使いください。お急ぎの場合は、アカウントのロック解除を管理者に依頼してください。',
    provider_failed: 'ログインできませんでした。もう一度試すか、別の方法でログインしてください。',
    provider_denied: 'ログインはキャンセルされました。何も変更されていません。',
    provider_expired: 'ログインに時間がかかりすぎました。もう一度お試しください。',
    provider_not_fresh:
      'もう一度ログインする必要がありますが、ログインし直したことがそのサービスから確認できませんでした。そのサービスでログアウトしてからもう一度試すか、別の方法でログインしてください。',
    step_expired: '時間がかかりすぎました。もう一度ログインしてください。',
    account_disabled: 'このアカウントは無効になっています。管理者にお問い合わせください。',
    passkey_failed: 'そのパスキーではログインできませんでした。もう一度試すか、別の方法でログインしてください。',
  },
  forgotPassword: 'パスワードをお忘れですか？',
  askForPassword: (whom) => phrase`新しいパスワードについては、${whom}にお問い合わせください。`,
  administrator: '管理者',
  passwordProblems: {
    passkey_failed: 'そのパスキーは使えませんでした。もう一度お試しください。',
    wrong_password: 'パスワードが正しくありません。もう一度お試しください。',
    wrong_code: 'コードが正しくないか、すでに使われています。次のコードが表示されてから、もう一度お試しください。',
    throttled: '試行回数が多すぎます。数分待ってから、もう一度お試しください。',
  },
  showPassword: 'パスワードを表示',
  showPasswords: '両方のパスワードを表示',
  signInToAccount: '許可したエージェントを確認するには、ログインしてください。',
  signInAgain: {
    request:
      'データの削除やお金の支払いなど、リスクのある操作が求められています。許可するかどうかを決める前に、もう一度ログインしてください。',
    login: '許可するかどうかを決める前に、もう一度ログインすることが求められています。',
    security: '続けるには、もう一度ログインしてください。',
  },
  otherWays: 'その他のログイン方法',
  signInWith: (provider) => phrase`${provider}でログイン`,
  signInWithPasskey: 'パスキーでログイン',
  usePasskey: 'パスキーを使う',
  lostPasskey: 'パスキーをなくしましたか？',
  askAboutPasskey: (whom) =>
    phrase`アカウントからパスキーを削除するよう、${whom}に依頼してください。それまでは、別の方法でログインして、セッションを確認したり終了したりできます。`,
  passkeyStopped: '操作は完了せず、何も変更されていません。もう一度お試しください。',
  noAccount: (link) => phrase`アカウントをお持ちでない場合：${link}`,

  signUp: 'アカウントを作成',
  signUpHeading: (server) => phrase`${server}のアカウントを作成`,
  signUpReason: 'アカウントがあれば、エージェントに何を任せるかを自分で決められます。',
  signUpNext: 'アカウントがあれば、求められている内容を確認できます。あなたが許可するまで、何も許可されません。',
  email: 'メールアドレス',
  optional: '任意',
  userNameHint: '文字、数字、ピリオド、ハイフンを使えます。',
  emailHint: 'あなたが許可した場合にだけ、エージェントに伝わります。',
  newPassword: '新しいパスワード',
  passwordHint: (minimum) =>
    `${counted(minimum, { other: '# 文字' })}以上。無関係な単語を 3～4 個並べるのがおすすめです。`,
  signUpProblems: {
    username_taken: 'このユーザー名はすでに使われています。別のものを選んでください。',
    username_looks_alike: 'このユーザー名は、ほかの人のものとよく似ています。別のものを選んでください。',
    username_mixed:
      'このユーザー名には、見た目の似た 2 種類の文字が混ざっています。1 つの単語には 1 種類の文字だけを使ってください。',
    username_invalid:
      'このユーザー名は長すぎるか、使えない文字が含まれています。文字、数字、ピリオド、ハイフンを使ってください。',
    email_invalid: 'メールアドレスの形式ではないようです。確認するか、空欄のままにしてください。',
    password_too_short: 'このパスワードは短すぎます。もっと長いものを選んでください。',
    password_too_long: 'このパスワードは長すぎます。もっと短いものを選んでください。',
    password_common: 'このパスワードは多くの人が使っているため、推測されやすくなっています。別のものを選んでください。',
    throttled: 'お使いのネットワークからの試行回数が多すぎます。しばらくしてからもう一度お試しください。',
  },
  recovery: jaRecovery,
  secondFactor: jaSecondFactor,
  haveAccount: (link) => phrase`アカウントをお持ちの場合：${link}`,

  reauthenticate: 'ご本人の確認',
  reauthenticateReason: '続けるには、パスワードをもう一度入力してください。',
  passkeyReason: '続けるには、パスキーを使ってください。',
  passkeyNeededHere: 'このブラウザではパスキーを使えません。パスキーに対応したブラウザでこのページを開いてください。',
  goOn: '続ける',
  cancel: 'キャンセル',

  signedInAs: (user) => phrase`ログイン中：${user}`,
  notYou: '別のアカウント',

  ...jaConsent,

  askContact: (contact) => phrase`必要な場合は、${contact}にお問い合わせください。`,
  goBack: '戻る',

  returnToApp: 'アプリに戻る',
  appAllowed: (agent) => phrase`${agent}からのリクエストは許可されました。`,
  appDenied: (agent) => phrase`${agent}からのリクエストは許可されませんでした。`,
  appNext: 'アプリを開いて完了してください。その後、このページは閉じてかまいません。',

  help: 'ヘルプ',
  report: 'このエージェントを報告',
  privacy: 'プライバシー',
  language: '言語',

  account: jaAccount,
  problems: jaProblems,
  blocks: jaBlocks,
  nowSignedInAs: (user) => phrase`現在、${user}としてログインしています`,
  continueAs: (user) => phrase`${user}として続ける`,
  switchAccount: '別のアカウントを使う',
  canRemove: '許可するつもりがなかった場合は、アクセス権を削除してください。',
  tryAgain: 'もう一度試す',
  reference: (id) => phrase`参照番号：${id}`,
}
