// Writes answers.json: what path-to-regexp 6.3.0 answers for made-up patterns and paths,
// with the paths normalised as createRouteMatcher does. Run it where that is installed:
//
//	npm install --prefix /tmp/ptr path-to-regexp@6.3.0
//	NODE_PATH=/tmp/ptr/node_modules node generate.mjs > answers.json
import { createRequire } from 'node:module';
const { pathToRegexp } = createRequire(import.meta.url)('path-to-regexp');

let state = 20260926;
const random = (n) => {
  state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
  return Math.floor((state / 2 ** 32) * n);
};
const pick = (list) => list[random(list.length)];

const words = ['a', 'b', 'admin', 'x'];
const odd = ['adminx', 'ADMIN', 'A', 'en', 'fr', 'a.b', 'a%2Eb', 'caf%C3%A9', 'CAF%C3%89', '%61dmin', 'a%20b', 'a%3Ab',
  'a:b', 'a%40b', 'a@b', 'a+b', 'a%2Fb', 'a;b', '%2e%2e', '..', '.', 'a%0Ab', '%E2%80%A8', 'a%C2%85', '%252e', '%25', 'a%23',
  'a%3F', '%E2%84%AA', '%F0%9F%92%A9', '[x]', '%7Bid%7D', 'a%5Cb', 'a%', 'a%ff', '1', '12', '', 'a-b', '-', '%2A', 'a%3ab'];
const paths = new Set(['/', '//', '///a', '/a//b', '//a/']);
for (const w of [...words, ...odd]) for (const end of ['', '/']) paths.add(`/${w}${end}`);
for (const w of [...words, 'adminx', 'en']) for (const v of [...words, ...odd]) paths.add(`/${w}/${v}${random(2) ? '' : '/'}`);
for (let i = 0; i < 150; i++) {
  const depth = 2 + random(4);
  const parts = Array.from({ length: depth }, () => (random(6) ? pick(words) : pick(odd)));
  paths.add('/' + parts.join('/') + (random(3) ? '' : '/'));
}

const atoms = [
  () => '/' + pick(words), () => '/' + pick(words), () => '/' + pick(words), () => pick(words), () => '/', () => '(.*)', () => '/(.*)',
  () => '/:id', () => '/:path*', () => '/:path+', () => '/:lang?', () => '/(en|fr)', () => '/:l(en|a)', () => '(.+)', () => '/(.+)',
  () => '/([^/]+)', () => '([^/]+)', () => '{/:x}?', () => '{/' + pick(words) + '}?', () => '(/.*)?', () => '(a|/b)', () => ':id',
  () => '/(\\d+)', () => '/:n(\\d+)', () => '.' + pick(words), () => '-' + pick(words), () => '.:ext', () => '-:x', () => '/:id?/',
  () => '/(?:a|b)', () => '/((?!a).*)', () => '/caf\u00e9', () => '/a b', () => '/a%20b', () => '/a\\:b', () => '/a@b', () => '/a\\+b',
  () => '/a;b', () => '/..', () => '//', () => '#', () => '\\?', () => '*', () => '?', () => '+', () => '{a}', () => '{a}?', () => '{a}+',
  () => '\\{id\\}', () => '%', () => '/\u{1f4a9}', () => '/[x]', () => '\\', () => '{', () => '}', () => '(', () => '()', () => ':', () => '/(.*)*',
  () => '/(.*)+', () => '/(a|b)+', () => '{/:x/}*', () => '/(a\\.b|x)', () => '/(a.*|x)', () => '/([^\\/#\\?]+?)', () => '/(.*?)', () => '/\\\\',
];
const patterns = new Set(['', '/', '(.*)', '/(.*)', '/admin(.*)', '/admin/(.*)', '/:path*', '/admin/:path*', '/admin/', '/:locale?/admin(.*)']);
while (patterns.size < 800) {
  const simple = random(2) === 0;
  const count = 1 + random(4);
  let p = '';
  for (let i = 0; i < count; i++) p += (simple ? atoms[random(17)] : pick(atoms))();
  patterns.add(p);
}

// createRouteMatcher: decodeURI once, then runs of slashes become one. null is an error.
const normalise = (path) => {
  try {
    return decodeURI(path).replace(/\/\/+/g, '/');
  } catch {
    return null;
  }
};
const normal = [...paths].map(normalise);
const answers = [];
for (const pattern of patterns) {
  let expression;
  try {
    expression = pathToRegexp(pattern);
  } catch {
    answers.push({ pattern, throws: true });
    continue;
  }
  let bits = '';
  for (const path of normal) bits += path !== null && expression.test(path) ? '1' : '0';
  // Four answers to a hexadecimal digit.
  const matches = bits.replace(/.{1,4}/g, (four) => parseInt(four.padEnd(4, '0'), 2).toString(16));
  answers.push({ pattern, matches });
}
const lines = answers.map((a) => JSON.stringify(a));
process.stdout.write(`{"paths": ${JSON.stringify([...paths])},\n"answers": [\n${lines.join(',\n')}\n]}\n`);
