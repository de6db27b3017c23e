// SPDX-License-Identifier: MIT OR Apache-2.0
//
// zeropool completion: the completion for bash, zsh and fish, from the table of subcommands and
// that of the options. scripts/docs writes completion/ with it.

#include "command/arguments.h"
#include "command/say.h"

#include <stdio.h>
#include <string.h>

// ---- What there is to complete ---------------------------------------------------------------

struct item {
    const char *name; // with dashes
    bool has_value;
    const char *words; // values, separated by spaces; "" if they are no words
    const char *help;
};

enum { WORDS_MOST = 256 };

// The values of an option that are words: "auto", the choices.
static const char *words_of(const struct zp_option *option, char words[WORDS_MOST])
{
    const char *choices = option->choices != NULL ? option->choices : "";
    bool fallback = strspn(option->fallback, "-0123456789") == 0 &&
                    option->kind != ZP_OPTION_CHOICE && option->kind != ZP_OPTION_SIZE;
    if (option->kind == ZP_OPTION_SIZE)
        fallback = strncmp(option->fallback, "auto", 4) == 0;
    snprintf(words, WORDS_MOST, "%s%s%s", fallback ? option->fallback : "",
             fallback && *choices != '\0' ? " " : "", choices);
    for (char *at = words; *at != '\0'; at++)
        if (*at == '|')
            *at = ' ';
    return words;
}

static void each_flag(const struct zp_command *command, void (*put)(const struct item *item))
{
    for (const struct zp_flag *flag = command->flags; flag->name != NULL; flag++)
        put(&(struct item){flag->name, flag->value != NULL, flag->words != NULL ? flag->words : "",
                           flag->help});
    put(&(struct item){"--help", false, "", "prints help"});
    for (size_t i = 0; i < zp_option_count; i++) {
        char name[ZP_FLAG_NAME_MOST], words[WORDS_MOST];
        const struct zp_option *option = &zp_option_table[i];
        if (!zp_option_is_flag(command, option))
            continue;
        zp_option_flag(option, name);
        put(&(struct item){name, true, words_of(option, words), option->allowed});
    }
}

static bool takes_program(const struct zp_command *command)
{
    return command->takes == ZP_TAKES_PROGRAM || command->takes == ZP_TAKES_PID_OR_PROGRAM;
}

static void put_commands(void)
{
    for (const struct zp_command *command = zp_commands; command->name != NULL; command++)
        printf("%s%s", command == zp_commands ? "" : " ", command->name);
}

// The words that a subcommand takes, in a list that spaces separate; none for most.
static void put_own_words(const struct zp_command *command)
{
    if (command->run == zp_help)
        put_commands();
    if (command->run == zp_completion)
        fputs("bash zsh fish", stdout);
    for (size_t i = 0; command->run == zp_list_options && i < zp_option_count; i++)
        printf("%s%s", i == 0 ? "" : " ", zp_option_table[i].name);
}

// A text in single quotes. In those of zsh and bash nothing can be escaped; what zsh's _arguments
// would take for its own gets a backslash.
static void put_quoted(const char *text, const char *escape, const char *quote)
{
    for (; *text != '\0'; text++) {
        if (*text == '\'')
            fputs(quote, stdout);
        else
            printf("%s%c", strchr(escape, *text) != NULL ? "\\" : "", *text);
    }
}

// ---- bash ------------------------------------------------------------------------------------

static void put_bash_name(const struct item *item)
{
    printf(" %s", item->name);
}

static void put_bash_value(const struct item *item)
{
    if (item->has_value && *item->words != '\0')
        printf("            %s) words='%s' ;;\n", item->name, item->words);
}

static void put_name_with_value(const struct item *item)
{
    if (item->has_value)
        printf(" %s", item->name);
}

static void put_bash_command(const struct zp_command *command)
{
    printf("    %s)\n        flags='", command->name);
    each_flag(command, put_bash_name);
    printf("'\n        valued='");
    each_flag(command, put_name_with_value);
    puts(" '\n        case $previous in");
    each_flag(command, put_bash_value);
    puts("            *) ;;\n        esac");
    fputs("        own='", stdout);
    put_own_words(command);
    printf("'\n        program=%s\n        ;;\n", takes_program(command) ? "yes" : "");
}

static const char bash_end[] =
    "    *) return ;;\n"
    "    esac\n"
    "    for ((i = 2; i < COMP_CWORD; i++)); do\n"
    "        case ${COMP_WORDS[i]} in\n"
    "        --) start=$((i + 1)) && break ;;\n"
    "        =) ;;\n"
    "        -*) [[ $valued != *\" ${COMP_WORDS[i]} \"* ]] || {\n"
    "            [[ ${COMP_WORDS[i + 1]-} != = ]] || ((i++))\n"
    "            ((i++))\n"
    "        } ;;\n"
    "        *) start=$i && break ;;\n"
    "        esac\n"
    "    done\n"
    "    if [[ $start && $program ]]; then\n"
    "        if declare -F _command_offset >/dev/null; then\n"
    "            _command_offset \"$start\"\n"
    "        elif ((COMP_CWORD == start)); then\n"
    "            mapfile -t COMPREPLY < <(compgen -c -- \"$current\")\n"
    "        else\n"
    "            mapfile -t COMPREPLY < <(compgen -f -- \"$current\")\n"
    "        fi\n"
    "    elif [[ $words ]]; then\n"
    "        mapfile -t COMPREPLY < <(compgen -W \"$words\" -- \"$current\")\n"
    "    elif [[ $valued == *\" $previous \"* ]]; then\n"
    "        mapfile -t COMPREPLY < <(compgen -f -- \"$current\")\n"
    "    elif [[ $current == -* || ! $program ]]; then\n"
    "        mapfile -t COMPREPLY < <(compgen -W \"$flags $own\" -- \"$current\")\n"
    "    else\n"
    "        mapfile -t COMPREPLY < <(compgen -c -- \"$current\")\n"
    "    fi\n"
    "}\n"
    "complete -o filenames -o bashdefault -F _zeropool zeropool";

static void put_bash(void)
{
    puts("# Completion of zeropool for bash. Written by `zeropool completion bash`.\n"
         "# shellcheck shell=bash\n"
         "_zeropool() {\n"
         "    local current=${COMP_WORDS[COMP_CWORD]} previous=${COMP_WORDS[COMP_CWORD - 1]}\n"
         "    local flags='' valued='' words='' program='' own='' start='' i\n"
         "    [[ $current != = ]] || current=''\n"
         "    [[ $previous != = ]] || previous=${COMP_WORDS[COMP_CWORD - 2]}\n"
         "    COMPREPLY=()\n"
         "    if ((COMP_CWORD == 1)); then");
    printf("        mapfile -t COMPREPLY < <(compgen -W '");
    put_commands();
    puts(" --help --version' -- \"$current\")\n        return\n    fi\n"
         "    case ${COMP_WORDS[1]} in");
    for (const struct zp_command *command = zp_commands; command->name != NULL; command++)
        put_bash_command(command);
    puts(bash_end);
}

// ---- zsh -------------------------------------------------------------------------------------

static void put_zsh_flag(const struct item *item)
{
    static const char special[] = "[]:\\";
    printf("            '%s%s[", item->name, item->has_value ? "=" : "");
    put_quoted(item->help, special, "'\\''");
    putchar(']');
    if (item->has_value) {
        fputs(":value:", stdout);
        if (*item->words != '\0')
            printf("(%s)", item->words);
        else
            fputs("_files", stdout);
    }
    puts("' \\");
}

static void put_zsh_rest(const struct zp_command *command)
{
    if (command->takes == ZP_TAKES_PID_OR_PROGRAM)
        puts("            '(-)1:process or program:_zeropool_target' \\\n"
             "            '*::argument:_normal'");
    else if (takes_program(command))
        puts("            '(-)1:program:_command_names -e' \\\n"
             "            '*::argument:_normal'");
    else if (command->takes == ZP_TAKES_WORDS) {
        fputs("            '*:word:(", stdout);
        put_own_words(command);
        puts(")'");
    } else
        puts("            '*: :'");
}

static void put_zsh(void)
{
    puts("#compdef zeropool\n"
         "# Completion of zeropool for zsh. Written by `zeropool completion zsh`.\n"
         "_zeropool_target() {\n"
         "    _alternative 'pids:process:_pids' 'commands:program:_command_names -e'\n"
         "}\n"
         "_zeropool_commands() {\n"
         "    local -a commands=(");
    for (const struct zp_command *command = zp_commands; command->name != NULL; command++) {
        printf("        '%s:", command->name);
        put_quoted(command->summary, ":\\", "'\\''");
        puts("'");
    }
    puts("    )\n"
         "    _describe -t commands 'command' commands\n"
         "}\n"
         "_zeropool() {\n"
         "    if ((CURRENT == 2)); then\n"
         "        _zeropool_commands\n"
         "        return\n"
         "    fi\n"
         "    local command=$words[2]\n"
         "    shift words\n"
         "    ((CURRENT--))\n"
         "    case $command in");
    for (const struct zp_command *command = zp_commands; command->name != NULL; command++) {
        printf("    %s)\n        _arguments -S \\\n", command->name);
        each_flag(command, put_zsh_flag);
        put_zsh_rest(command);
        puts("        ;;");
    }
    puts("    esac\n"
         "}\n"
         "_zeropool \"$@\"");
}

// ---- fish ------------------------------------------------------------------------------------

static const struct zp_command *fish_command;

static void put_fish_flag(const struct item *item)
{
    static const char special[] = "\\";
    printf("complete -c zeropool -n '__fish_seen_subcommand_from %s' -l %s", fish_command->name,
           item->name + 2);
    if (item->has_value && *item->words != '\0')
        printf(" -x -a '%s'", item->words);
    else if (item->has_value)
        fputs(" -r", stdout);
    fputs(" -d '", stdout);
    put_quoted(item->help, special, "\\'");
    puts("'");
}

// Completes what follows zeropool's own flags, as if it were a command line by itself.
static const char fish_program[] =
    "function __zeropool_program\n"
    "    set -l words (commandline -opc) (commandline -ct)\n"
    "    set -e words[1 2]\n"
    "    while set -q words[2]\n"
    "        switch $words[1]\n"
    "            case --\n"
    "                set -e words[1]\n"
    "                break\n"
    "            case '-*'\n"
    "                if contains -- $words[1] $argv\n"
    "                    set -e words[1]\n"
    "                end\n"
    "                set -e words[1]\n"
    "            case '*'\n"
    "                break\n"
    "        end\n"
    "    end\n"
    "    if set -q words[1]; and not string match -q -- '-*' $words[1]\n"
    "        complete -C \"$words\"\n"
    "    end\n"
    "end";

static void put_fish_program(const struct zp_command *command)
{
    printf("complete -c zeropool -n '__fish_seen_subcommand_from %s' -x -a "
           "'(__zeropool_program",
           command->name);
    each_flag(command, put_name_with_value);
    puts(")'");
}

static void put_fish_words(const struct zp_command *command)
{
    printf("complete -c zeropool -n '__fish_seen_subcommand_from %s' -x -a '", command->name);
    put_own_words(command);
    puts("'");
}

static void put_fish(void)
{
    puts("# Completion of zeropool for fish. Written by `zeropool completion fish`.\n"
         "complete -c zeropool -f");
    puts(fish_program);
    for (const struct zp_command *command = zp_commands; command->name != NULL; command++) {
        printf("complete -c zeropool -n __fish_use_subcommand -a %s -d '", command->name);
        put_quoted(command->summary, "\\", "\\'");
        puts("'");
        fish_command = command;
        each_flag(command, put_fish_flag);
        if (takes_program(command))
            put_fish_program(command);
        else if (command->takes == ZP_TAKES_WORDS)
            put_fish_words(command);
    }
}

// ----------------------------------------------------------------------------------------------

int zp_completion(const struct zp_arguments *arguments)
{
    static const struct {
        const char *shell;
        void (*put)(void);
    } shells[] = {{"bash", put_bash}, {"zsh", put_zsh}, {"fish", put_fish}};
    const char *shell = arguments->words[0];
    if (shell == NULL || arguments->word_count > 1)
        return zp_wrong("expected bash, zsh or fish");
    for (size_t i = 0; i < sizeof(shells) / sizeof(shells[0]); i++) {
        if (strcmp(shells[i].shell, shell) == 0) {
            shells[i].put();
            return zp_finish(ZP_DONE);
        }
    }
    return zp_wrong("%s: expected bash, zsh or fish", shell);
}
