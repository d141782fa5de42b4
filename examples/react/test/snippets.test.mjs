// The code of the integration guide, kept in seed/, stands in the sources as it is, but for indentation.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';

const read = (path) => readFileSync(new URL(path, import.meta.url), 'utf8');

/** Lines without the indentation that all have. */
function lines(text) {
  const all = text.trimEnd().split('\n').map((line) => line.trimEnd());
  const depths = all.filter((line) => line !== '').map((line) => line.search(/\S/));
  return all.map((line) => line.slice(Math.min(...depths)));
}

/** Whether the lines stand in the source one after another, all indented alike. */
function contains(source, snippet) {
  const wanted = lines(snippet);
  const all = source.split('\n');
  return all.some((_, start) => {
    const block = all.slice(start, start + wanted.length);
    return block.length === wanted.length && lines(block.join('\n')).join('\n') === wanted.join('\n');
  });
}

const sections = {
  '1-initialize.ts': 'guide/initialize.ts',
  '2-listen.ts': 'guide/listen.ts',
  '3-emit.ts': 'guide/emit.ts',
  '4-monitor.ts': 'guide/monitor.ts',
  '5-react.tsx': 'guide/Dashboard.tsx',
  'step-3-messages.ts': 'components/Messages.tsx',
};

for (const [snippet, source] of Object.entries(sections)) {
  test(`${source} has the code of ${snippet}`, () => {
    assert.ok(contains(read(`../src/${source}`), read(`seed/${snippet}`)));
  });
}

test('components/Dashboard.tsx has what step-3-dashboard.ts puts in place of the old', () => {
  const source = read('../src/components/Dashboard.tsx');
  const parts = read('seed/step-3-dashboard.ts').split(/^\/\/ (Before|After|With|Replace .*)\n/m);
  const count = { Before: 0, After: 0, With: 0 };
  for (let index = 1; index < parts.length; index += 2) {
    const [heading, code] = [parts[index], parts[index + 1].trim()];
    if (heading in count) count[heading]++;
    assert.equal(contains(source, code), heading === 'After' || heading === 'With', `${heading}: ${code}`);
  }
  assert.deepEqual(count, { Before: 1, After: 1, With: 2 });
});

test('a snippet with a word changed is not found', () => {
  const source = read('../src/guide/emit.ts');
  assert.ok(!contains(source, read('seed/3-emit.ts').replace('Hello!', 'Hello')));
  assert.ok(!contains(source, read('seed/3-emit.ts').replace('  {},', '{},')));
});
