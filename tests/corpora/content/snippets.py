"""Snippets in fifteen languages, and data that is no code. `alpha` and `beta` stand for names."""
# ruff: noqa: E501

CODE = {
    "c": [
        """
#include <stdio.h>
#include <stdlib.h>

struct alpha { int size; char *beta; };

static int alpha_grow(struct alpha *self, int size)
{
    char *beta = realloc(self->beta, (size_t)size);
    if (beta == NULL) {
        return -1;
    }
    self->beta = beta;
    self->size = size;
    return 0;
}
""",
        """
int main(int argc, char **argv)
{
    unsigned int alpha = 0;
    for (int i = 1; i < argc; i++) {
        printf("%s\\n", argv[i]);
        alpha += strlen(argv[i]);
    }
    free(beta);
    return alpha > 10 ? EXIT_FAILURE : EXIT_SUCCESS;
}
""",
    ],
    "cpp": [
        """
#include <string>
#include <vector>

namespace alpha {

template <typename T>
class Beta {
public:
    explicit Beta(std::size_t size) : items_(size) {}
    const T& at(std::size_t index) const { return items_.at(index); }

private:
    std::vector<T> items_;
};

}  // namespace alpha
""",
        """
auto alpha = std::make_unique<Beta>(options);
for (const auto& [key, value] : alpha->entries()) {
    if (auto found = index.find(key); found != index.end()) {
        std::cout << key << ": " << static_cast<int>(value) << std::endl;
    }
}
return std::move(alpha);
""",
    ],
    "csharp": [
        """
using System;
using System.Collections.Generic;
using System.Linq;

namespace Alpha.Services
{
    public class BetaService : IBetaService
    {
        private readonly List<string> _items = new List<string>();

        public string Name { get; set; }

        public IEnumerable<string> Find(string text) =>
            _items.Where(item => item.Contains(text)).OrderBy(item => item);
    }
}
""",
        """
public async Task<Alpha> GetAsync(Guid id)
{
    using var beta = _factory.CreateClient();
    var response = await beta.GetAsync($"api/alpha/{id}");
    if (!response.IsSuccessStatusCode)
    {
        throw new InvalidOperationException(nameof(id));
    }
    return await response.Content.ReadFromJsonAsync<Alpha>();
}
""",
    ],
    "css": [
        """
.alpha {
  display: flex;
  margin: 0 auto;
  padding: 1.5rem;
  color: #333;
}

.alpha > .beta:hover {
  background-color: rgba(0, 0, 0, 0.1);
  border-radius: 4px;
}
""",
        """
@media (max-width: 600px) {
  #alpha .beta {
    width: 100%;
    font-size: 14px;
    transition: opacity 0.3s ease-in-out;
  }
}
""",
    ],
    "go": [
        """
package alpha

import (
	"context"
	"fmt"
)

type Beta struct {
	Name string `json:"name"`
	Size int    `json:"size"`
}

func (b *Beta) Load(ctx context.Context, id string) error {
	row, err := b.store.Get(ctx, id)
	if err != nil {
		return fmt.Errorf("load alpha: %w", err)
	}
	b.Name = row.Name
	return nil
}
""",
        """
func main() {
	alpha := make(chan int, 10)
	go func() {
		defer close(alpha)
		for i := 0; i < 10; i++ {
			alpha <- i
		}
	}()
	for beta := range alpha {
		fmt.Println(beta)
	}
}
""",
    ],
    "html": [
        """
<!DOCTYPE html>
<html lang="en">
<head>
  <meta charset="utf-8">
  <title>Alpha</title>
  <link rel="stylesheet" href="beta.css">
</head>
<body>
  <h1 class="title">Alpha</h1>
  <p>Welcome to <a href="/beta">the beta</a>.</p>
</body>
</html>
""",
        """
<div class="alpha">
  <ul id="beta">
    <li><a href="#one">One</a></li>
    <li><a href="#two">Two</a></li>
  </ul>
  <form action="/alpha" method="post">
    <input type="text" name="beta">
    <button type="submit">Send</button>
  </form>
</div>
""",
    ],
    "java": [
        """
package org.example.alpha;

import java.util.List;
import java.util.Optional;

public class AlphaService {
    private final BetaRepository repository;

    public AlphaService(BetaRepository repository) {
        this.repository = repository;
    }

    @Override
    public Optional<Alpha> find(long id) throws AlphaException {
        return repository.findById(id).map(Alpha::new);
    }
}
""",
        """
public static void main(String[] args) {
    List<String> alpha = new ArrayList<>();
    for (String arg : args) {
        alpha.add(arg.trim());
    }
    try (BufferedReader beta = new BufferedReader(new FileReader("alpha.txt"))) {
        System.out.println(beta.readLine());
    } catch (IOException e) {
        throw new RuntimeException(e);
    }
}
""",
    ],
    "javascript": [
        """
const express = require('express');
const { alpha } = require('./alpha');

const app = express();

app.get('/beta/:id', async (req, res) => {
  const found = await alpha.findOne({ id: req.params.id });
  if (!found) {
    return res.status(404).send('not found');
  }
  res.json(found);
});

module.exports = app;
""",
        """
function alpha(items) {
  var total = 0;
  items.forEach(function (item) {
    if (item.beta !== undefined) {
      total += item.beta * 2;
    }
  });
  console.log('total', total);
  document.getElementById('alpha').addEventListener('click', () => alert(total));
  return total;
}
""",
    ],
    "php": [
        """
<?php

namespace App\\Alpha;

use App\\Entity\\Beta;

class AlphaController extends Controller
{
    private $beta;

    public function __construct(Beta $beta)
    {
        $this->beta = $beta;
    }

    public function show($id)
    {
        return view('alpha', ['item' => $this->beta->find($id)]);
    }
}
""",
        """
<?php
$alpha = array_filter($items, function ($item) {
    return isset($item['beta']) && $item['beta'] > 0;
});
foreach ($alpha as $key => $value) {
    echo htmlspecialchars($key) . ': ' . $value . "\\n";
}
""",
    ],
    "python": [
        """
import logging
from dataclasses import dataclass

logger = logging.getLogger(__name__)


@dataclass
class Alpha:
    name: str
    size: int = 0

    def grow(self, beta: int) -> None:
        if beta < 0:
            raise ValueError("beta must not be negative")
        self.size += beta
        logger.info("grown to %d", self.size)
""",
        """
def alpha(path):
    with open(path) as handle:
        rows = [line.strip().split(",") for line in handle]
    beta = {}
    for name, value in rows:
        beta.setdefault(name, []).append(float(value))
    return {name: sum(values) / len(values) for name, values in beta.items()}


if __name__ == "__main__":
    print(alpha("data.csv"))
""",
    ],
    "ruby": [
        """
module Alpha
  class Beta
    attr_reader :name, :size

    def initialize(name, size: 0)
      @name = name
      @size = size
    end

    def grow!(by)
      raise ArgumentError, "negative" if by.negative?
      @size += by
      self
    end
  end
end
""",
        """
require 'json'

items = JSON.parse(File.read('alpha.json'))
items.select { |item| item['beta'] }.each do |item|
  puts "#{item['name']}: #{item['beta']}"
end
unless items.empty?
  total = items.map { |item| item['beta'].to_i }.reduce(0, :+)
end
""",
    ],
    "rust": [
        """
use std::collections::HashMap;

#[derive(Debug, Clone)]
pub struct Alpha {
    name: String,
    beta: HashMap<String, u32>,
}

impl Alpha {
    pub fn new(name: &str) -> Self {
        Self { name: name.to_string(), beta: HashMap::new() }
    }

    pub fn get(&self, key: &str) -> Option<&u32> {
        self.beta.get(key)
    }
}
""",
        """
fn main() -> Result<(), Box<dyn std::error::Error>> {
    let alpha = std::fs::read_to_string("alpha.txt")?;
    let beta: Vec<i64> = alpha.lines().filter_map(|line| line.parse().ok()).collect();
    match beta.iter().max() {
        Some(value) => println!("{}", value),
        None => eprintln!("nothing"),
    }
    Ok(())
}
""",
    ],
    "shell": [
        """
#!/bin/bash
set -euo pipefail

alpha="${1:-beta}"
if [ ! -d "$alpha" ]; then
    echo "no such folder: $alpha" >&2
    exit 1
fi
for file in "$alpha"/*.txt; do
    grep -q beta "$file" && cp "$file" /tmp/
done
""",
        """
alpha() {
    local beta
    beta=$(curl -s "https://example.org/$1" | jq -r .name)
    case "$beta" in
        "") return 1 ;;
        *) echo "$beta" ;;
    esac
}
export PATH="$HOME/bin:$PATH"
alpha "$@" | sort | uniq -c
""",
    ],
    "sql": [
        """
SELECT a.name, COUNT(b.id) AS beta_count
FROM alpha a
LEFT JOIN beta b ON b.alpha_id = a.id
WHERE a.created_at > '2024-01-01' AND a.size IS NOT NULL
GROUP BY a.name
HAVING COUNT(b.id) > 3
ORDER BY beta_count DESC;
""",
        """
CREATE TABLE alpha (
    id INTEGER PRIMARY KEY,
    name VARCHAR(80) NOT NULL,
    beta NUMERIC(10, 2) DEFAULT 0
);
INSERT INTO alpha (id, name, beta) VALUES (1, 'first', 2.5);
UPDATE alpha SET beta = beta + 1 WHERE id = 1;
""",
    ],
    "typescript": [
        """
import { Injectable } from '@angular/core';

export interface Alpha {
  id: number;
  name: string;
  beta?: string[];
}

@Injectable()
export class AlphaService {
  private items: Map<number, Alpha> = new Map();

  constructor(private readonly http: HttpClient) {}

  find(id: number): Alpha | undefined {
    return this.items.get(id);
  }
}
""",
        """
type Beta<T> = { value: T; next: Beta<T> | null };

export async function alpha<T extends object>(items: T[], pick: (item: T) => boolean): Promise<T[]> {
  const found: T[] = [];
  for (const item of items) {
    if (pick(item)) found.push(item as T);
  }
  return found;
}
""",
    ],
}

DATA = [
    '{"alpha": {"beta": [1, 2, 3], "name": "first", "open": true}, "next": null}',
    "alpha:\n  beta: 3\n  names:\n    - first\n    - second\nopen: true\n",
    "[alpha]\nbeta = 3\nname = first\n\n[other]\nopen = yes\n",
    "name,alpha,beta\nfirst,12,3.5\nsecond,14,2.5\nthird,9,1.0\n",
    "2024-01-01 12:00:01 INFO alpha started\n2024-01-01 12:00:02 WARN beta is slow (340 ms)\n",
    "# Alpha\n\n- the beta is *new*\n- see [the page](https://example.org/alpha)\n\n| a | b |\n|---|---|\n| 1 | 2 |\n",
]

LETTERS = [
    "Dear Alpha,\n\nthank you for your letter (of May 3rd); the beta costs 12.50 and arrives on Monday.\n\nYours, B.",
]
